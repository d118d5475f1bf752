"""What this app knows of people: who they are, what they allow, what they did."""

import re
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models import EventName, Identity, Import, ImportRow, InboxEntry, ParkedEvent
from urm.jobs.files import delete_content
from urm.jobs.models import File
from urm.privacy import BLANK, DROP, Forget, Person, Table, declare
from urm.privacy.registry import LookUp, anywhere, execute
from urm.privacy.retention import Retention, counting, keep_for_a_time, running
from urm.privacy.searching import Search, search_in_slices, search_the_rest
from urm.tenancy.context import require_tenant


def _forget_in_inbox(person: Person) -> None:
    """Take the person's items out of requests that wait to be absorbed; the others of a request stay."""
    own = set(Identity.objects.filter(member_id__in=person.ids).values_list("kind", "value"))
    rows = execute(
        "SELECT id FROM members_inboxentry WHERE tenant_id = {tenant} AND (body ILIKE ANY({addresses}) "
        "OR body LIKE ANY(%(values)s::text[]) "
        "OR body ~ ('\"m\":(' || array_to_string({members}, '|') || ')[,}}]')) FOR UPDATE",
        person,
        values=[f'%"{value}"%' for _kind, value in own],
    )
    for entry in InboxEntry.objects.filter(pk__in=[pk for (pk,) in rows]):
        items = orjson.loads(entry.body)
        left = [item for item in items if not _is_of(item, person, own)]
        if not left:
            entry.delete()
        elif len(left) < len(items):
            entry.items, entry.body = len(left), orjson.dumps(left).decode()
            entry.save(update_fields=["items", "body"])


def _is_of(item: dict[str, Any], person: Person, own: Container[tuple[Any, Any]]) -> bool:
    if item.get("m") in person.ids or (item.get("i"), item.get("v")) in own:
        return True
    return person.is_mentioned_in(orjson.dumps(item).decode())


_SLICE_OF_LOG = """
WITH s AS (
    SELECT received_at, id FROM members_event
    WHERE tenant_id = {tenant} AND received_at >= %(at)s AND (received_at, id) > (%(at)s, %(id)s)
    ORDER BY received_at, id LIMIT %(limit)s
)
SELECT received_at::text, id, (SELECT count(*) FROM s) FROM s ORDER BY received_at DESC, id DESC LIMIT 1
"""
_IN_SLICE = """
e.tenant_id = {tenant} AND e.received_at >= %(at)s AND e.received_at <= %(to_at)s
AND (e.received_at, e.id) > (%(at)s, %(id)s) AND (e.received_at, e.id) <= (%(to_at)s, %(to_id)s)
"""
# LIKE over lower case looks at three times as many rows a second as a pattern, which has few to look at behind CASE.
_STRIKE_ADDRESSES = f"""
UPDATE members_event e SET properties = regexp_replace(properties::text, %(pattern)s, '…', 'gi')::jsonb
WHERE {_IN_SLICE} AND CASE WHEN lower(properties::text) LIKE ANY(%(like)s) THEN properties::text ~* %(pattern)s END
"""
_STRIKE_NAMES = f"""
UPDATE members_event e SET properties = (
    SELECT jsonb_object_agg(key, CASE WHEN key = ANY(p.keys)
        THEN regexp_replace(value::text, %(pattern)s, '…', 'gi')::jsonb ELSE value END)
    FROM jsonb_each(e.properties))
FROM (SELECT event_id, array_agg(name) AS keys FROM members_eventproperty WHERE tenant_id = {{tenant}} AND personal
      GROUP BY event_id) p
WHERE {_IN_SLICE} AND e.name_id = p.event_id AND lower(e.properties::text) LIKE ANY(%(like)s)
  AND EXISTS (SELECT FROM jsonb_each(e.properties) WHERE key = ANY(p.keys) AND value::text ~* %(pattern)s)
"""


def _search_log(people: Sequence[Person], after: Any, limit: int) -> tuple[Any, int, bool]:
    """Strike out what others' events say of the people: addresses anywhere, names in personal properties only, where
    they can mean nobody else."""
    at, pk = after or ("-infinity", 0)
    place: dict[str, Any] = {"at": at, "id": pk, "limit": limit}
    with connection.cursor() as db:
        db.execute(_SLICE_OF_LOG.format(tenant=require_tenant()), place)
        found = db.fetchone()
        if found is None:
            return after, 0, False
        place |= {"to_at": found[0], "to_id": found[1]}
        for statement, words, before, behind in (
            (_STRIKE_ADDRESSES, {word for one in people for word in one.addresses}, r"[\w.+-]", r"[\w-]"),
            (_STRIKE_NAMES, {word for one in people for word in one.words}, "[A-Za-z0-9]", "[A-Za-z0-9]"),
        ):
            if words:
                written = sorted(orjson.dumps(word).decode()[1:-1] for word in words)
                pattern = rf"(?<!{before})({'|'.join(re.escape(word) for word in written)})(?!{behind})"
                like = _like(written)
                db.execute(statement.format(tenant=require_tenant()), {**place, "pattern": pattern, "like": like})
    return [found[0], found[1]], found[2], found[2] == limit


def _like(words: Iterable[str]) -> list[str]:
    """For lower(…) LIKE: databases with the collation C know the small letters of ASCII only."""
    small = {"".join(one.lower() if one.isascii() else one for one in word) for word in words}
    return [anywhere(word) for word in sorted(small | {word.lower() for word in small})]


def _size_of_log() -> int:
    return EventName.objects.aggregate(all=Sum("count"))["all"] or 0


def _forget_in_log(person: Person) -> None:
    """The person's own events lose all their properties, personal or not: free text says what nobody declared. What
    others' events say of the person is struck out."""
    execute(
        "UPDATE members_event SET properties = '{{}}' WHERE tenant_id = {tenant} AND member_id = ANY({members})", person
    )
    search_the_rest("members_event", person)


_IMPORT_ROWS = """
SELECT id, concat_ws(' ', key, "values", identities, tags, consents, raw, problems, before, after, made)
FROM members_importrow WHERE tenant_id = {tenant} AND id > %(after)s AND id <= %(until)s
AND lower(concat_ws(' ', key, "values", identities, tags, consents, raw, problems, before, after, made))
    LIKE ANY(%(like)s)
"""


def _search_import_rows(people: Sequence[Person], after: Any, limit: int) -> tuple[Any, int, bool]:
    """Rows of files that mention the people go: on their way in, or kept for an undo."""
    ids = list(ImportRow.objects.filter(pk__gt=after or 0).order_by("pk").values_list("pk", flat=True)[:limit])
    if not ids:
        return after, 0, False
    words = sorted({orjson.dumps(word).decode()[1:-1] for one in people for word in one.addresses})
    if words:
        with connection.cursor() as db:
            given = {"after": after or 0, "until": ids[-1], "like": _like(words)}
            db.execute(_IMPORT_ROWS.format(tenant=require_tenant()), given)
            rows = [pk for pk, text in db.fetchall() if any(one.is_mentioned_in(text) for one in people)]
        ImportRow.objects.filter(pk__in=rows).delete()
    return ids[-1], len(ids), len(ids) == limit


def _forget_in_imports(person: Person) -> None:
    """Rows that were about the person, what the search has not seen yet; the samples that mapping shows."""
    ImportRow.objects.filter(member_id__in=person.ids).delete()
    search_the_rest("members_importrow", person)
    if person.words:
        words = "|".join(re.escape(orjson.dumps(word).decode()[1:-1]) for word in person.words)
        execute(
            "UPDATE members_import SET name = regexp_replace(name, %(pattern)s, '…', 'gi'), "
            "columns = regexp_replace(columns::text, %(pattern)s, '…', 'gi')::jsonb, "
            "options = regexp_replace(options::text, %(pattern)s, '…', 'gi')::jsonb "
            "WHERE tenant_id = {tenant} AND concat_ws(' ', name, columns, options) ~* %(pattern)s",
            person,
            pattern=words,
        )


def _forget_in_parked(person: Person) -> None:
    found = execute(
        "SELECT id, coalesce(member_id = ANY({members}), false), body::text || ' ' || reason FROM members_parkedevent "
        "WHERE tenant_id = {tenant} AND (member_id = ANY({members}) OR body::text ILIKE ANY({addresses}) "
        "OR reason ILIKE ANY({addresses}))",
        person,
    )
    ParkedEvent.objects.filter(pk__in=[pk for pk, own, text in found if own or person.is_mentioned_in(text)]).delete()


def _forget_in_records(person: Person) -> None:
    """Append-only for the application: a function of the owner's blanks, and can do nothing else."""
    execute("SELECT app.blank_consent_records({members})", person)


def _forget_suppressed(person: Person) -> None:
    """The address stays suppressed: by its digest, and without its text."""
    execute(
        "UPDATE members_suppression SET address = NULL, "
        "reason = CASE WHEN reason IN ('bounced', 'complained', 'requested') THEN reason ELSE 'requested' END "
        "WHERE tenant_id = {tenant} AND (digest = ANY({digests}) OR reason ILIKE ANY({words}))",
        person,
    )


declare(
    # Identities last but one, the member last: what comes before finds its rows by them.
    Table(
        "members_inboxentry",
        personal="body",
        neutral="id tenant_id received_at items",
        erase=Forget(_forget_in_inbox),
    ),
    Table(
        "members_importrow",
        person="member_id",
        personal="key values identities tags consents raw problems before after made",
        pseudonymous="id member_id",
        neutral="tenant_id import_id outcome applied_at fate",
        erase=Forget(_forget_in_imports),
    ),
    Table(
        "members_import",
        neutral="id tenant_id state mode format encoding delimiter rows counts file_id error_file_id job_id created_at "
        "finished_at undo_until",
        personal="name columns options",
        staff="created_by",
        erase=Forget(lambda person: None),  # done with its rows
    ),
    Table(
        "members_parkedevent",
        person="member_id",
        personal="body reason",
        pseudonymous="id member_id event_id",
        neutral="tenant_id consumer received_at parked_at",
        erase=Forget(_forget_in_parked),
    ),
    Table(
        "members_event",
        title=_("What happened"),
        person="member_id",
        personal="properties",
        pseudonymous="id member_id",
        neutral="tenant_id received_at name_id occurred_at amount trusted",
        hidden="tenant_id received_at trusted member_id",
        look_up={"name_id": LookUp("members_eventname", "name", _("event"))},
        erase=Forget(_forget_in_log),
    ),
    Table(
        "members_retractedevent",
        person="member_id",
        pseudonymous="id member_id event_id",
        neutral="tenant_id name_id occurred_at received_at amount trusted retracted_at",
    ),
    Table("members_eventkey", pseudonymous="key event_id", neutral="tenant_id"),
    Table(
        "members_daily",
        person="member_id",
        pseudonymous="member_id",
        neutral="tenant_id name_id day count amount_count amount_sum amount_min amount_max first_at last_at",
    ),
    Table(
        "members_eventname",
        neutral="tenant_id id name platform created_at count last_at has_amount label_en label_zh description hidden "
        "strict",
    ),
    Table(
        "members_eventproperty",
        neutral="id tenant_id event_id name type seen_types conflict_at first_at last_at label_en label_zh "
        "description hidden personal",
    ),
    Table("members_cursor", neutral="id tenant_id consumer received_at event_id absorbed duplicates"),
    Table(
        "members_consentrecord",
        title=_("What you allowed and withdrew"),
        person="member_id",
        personal="source wording recorded_by proof",
        pseudonymous="id member_id",
        neutral="tenant_id channel purpose granted at",
        hidden="tenant_id member_id",
        erase=Forget(_forget_in_records),
    ),
    Table(
        "members_consent",
        title=_("What you allow"),
        person="member_id",
        personal="channel purpose granted at",
        pseudonymous="id member_id",
        neutral="tenant_id",
        hidden="tenant_id member_id id",
        erase=DROP,
    ),
    Table(
        "members_consentpurpose",
        neutral="id tenant_id key name_en name_zh position double_opt_in offered",
    ),
    Table(
        "members_consentwording",
        neutral="id tenant_id purpose_id language version text created_at",
        staff="created_by",
    ),
    Table(
        "members_suppression",
        title=_("Addresses that get nothing"),
        rows="digest = ANY({digests})",
        personal="address reason",
        pseudonymous="digest",
        neutral="id tenant_id channel created_at",
        hidden="tenant_id digest id",
        erase=Forget(_forget_suppressed),
    ),
    Table(
        "members_confirmation",
        title=_("Links we sent you to confirm something"),
        person="member_id",
        personal="address source wording detail",
        pseudonymous="id member_id",
        neutral="tenant_id kind channel purpose created_at expires_at confirmed_at state tries due_at sent_at",
        hidden="tenant_id member_id tries due_at",
        erase=DROP,
    ),
    Table(
        "members_membertag",
        title=_("Tags"),
        person="member_id",
        personal="tag_id since expires_at added_by",
        pseudonymous="id member_id",
        neutral="tenant_id",
        hidden="tenant_id member_id id",
        look_up={"tag_id": LookUp("members_tag", "name", _("tag"))},
        erase=DROP,
    ),
    Table(
        "members_memberstate",
        person="member_id",
        personal="segment_ids tag_ids stage_id stage_since previous_stage_id next_at",
        pseudonymous="member_id",
        neutral="tenant_id",
        erase=DROP,
    ),
    Table("members_dirtymember", pseudonymous="member_id", neutral="tenant_id marked_at cause_id"),
    Table("members_acquisitionsource", neutral="id tenant_id code name kind landing_url learned created_at"),
    Table(
        "members_memberacquisition",
        title=_("How you came to us"),
        person="member_id",
        personal="medium campaign term content referrer landing_page",
        pseudonymous="member_id",
        neutral="tenant_id source_id at",
        hidden="tenant_id member_id",
        look_up={"source_id": LookUp("members_acquisitionsource", "name", _("source"))},
        erase=BLANK,
    ),
    Table(
        "members_membermerge",
        title=_("Records of you that we put together"),
        # Once taken back, the two may be different people.
        handed_out="t.unmerged_at IS NULL",
        hidden="id tenant_id survivor_id other_id tags state unmerged_at unmerged_by",
        rows="(survivor_id = ANY({members}) OR other_id = ANY({members}))",
        personal="changes tags state",
        pseudonymous="id survivor_id other_id",
        neutral="tenant_id reason merged_at unmerged_at",
        staff="merged_by unmerged_by",
        blank={"tags": "'{{}}'"},
        erase=BLANK,
    ),
    Table(
        "members_duplicatecandidate",
        rows="(first_id = ANY({members}) OR second_id = ANY({members}))",
        pseudonymous="id first_id second_id",
        neutral="tenant_id reason found_at dismissed_at",
        staff="dismissed_by",
        erase=DROP,
    ),
    Table("members_erasure", pseudonymous="id member_id", neutral="tenant_id requested_at erased_at"),
    Table("members_retentionperiod", neutral="id tenant_id kind days ran_on removed"),
    Table("members_identitysettings", neutral="id tenant_id merge_kinds compare_requested_at"),
    Table(
        "members_attributedefinition",
        neutral="id tenant_id name type label_en label_zh choices personal source_order",
    ),
    Table("members_tag", neutral="tenant_id id name group kind description created_at"),
    Table(
        "members_identity",
        title=_("Ids by which we know you"),
        person="member_id",
        personal="kind value from_profile logged_as",
        pseudonymous="id member_id",
        neutral="tenant_id created_at",
        hidden="tenant_id member_id id from_profile logged_as",
        erase=DROP,
    ),
    Table(
        "members_member",
        title=_("Profile"),
        person="id",
        personal="external_id email phone first_name last_name birthday gender language city region country source "
        "attributes attribute_sources search_text",
        pseudonymous="id merged_into_id",
        neutral="tenant_id first_seen_at created_at updated_at erasure_requested_at erased_at",
        hidden="tenant_id search_text",
        erase=BLANK,
    ),
)


def _size_of_import_rows() -> int:
    return ImportRow.objects.count()  # asked of the workspace that is current then


search_in_slices(Search("members_event", step=_search_log, size=_size_of_log))
search_in_slices(Search("members_importrow", step=_search_import_rows, size=_size_of_import_rows))


def _old_imports(before: datetime) -> Any:
    """Finished imports that still have a file, a list of problems, or rows for an undo."""
    files = File.objects.values("pk")
    return Import.objects.filter(
        Q(file_id__in=files) | Q(error_file_id__in=files) | Q(undo_until__gt=timezone.now()),
        created_at__lt=before,
        state__in=("done", "failed", "cancelled", "undone"),
    )


def _let_imports_go(before: datetime, limit: int) -> int:
    """The rows go by the nightly round of imports that cannot be undone any more."""
    old = list(_old_imports(before).order_by("pk")[:limit])
    for job in old:
        for file in File.objects.filter(pk__in=[pk for pk in (job.file_id, job.error_file_id) if pk]):
            delete_content(file)
        Import.objects.filter(pk=job.pk, undo_until__gt=timezone.now()).update(undo_until=timezone.now())
    return len(old)


keep_for_a_time(
    Retention(
        "import_files",
        label=_("Files of imports"),
        effect=_("Uploaded files, their lists of problems and the way back. Without a period they go after 30 days."),
        count=lambda before: _old_imports(before).count(),
        remove=_let_imports_go,
        least_days=1,
    )
)

_LAST_SEEN = """
t.erased_at IS NULL AND t.erasure_requested_at IS NULL AND t.merged_into_id IS NULL AND t.updated_at < %(before)s
AND t.first_seen_at < %(before)s AND NOT EXISTS (
    SELECT FROM members_daily d JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id
    WHERE d.tenant_id = {tenant} AND d.member_id = t.id AND d.last_at >= %(before)s AND NOT n.platform)
"""

keep_for_a_time(
    Retention(
        "events",
        label=_("Contents of events"),
        effect=_("The properties of older events are emptied. That they happened, when, and their amounts stay."),
        count=counting("members_event", "t.occurred_at < %(before)s AND t.properties <> '{{}}'"),
        remove=running(
            "UPDATE members_event SET properties = '{{}}' WHERE tenant_id = {tenant} AND (received_at, id) IN ("
            "SELECT received_at, id FROM members_event WHERE tenant_id = {tenant} AND occurred_at < %(before)s "
            "AND properties <> '{{}}' LIMIT %(limit)s)"
        ),
    )
)
keep_for_a_time(
    Retention(
        "inactive_members",
        label=_("Inactive members"),
        effect=_("Members who did nothing for so long, and whose profile nobody changed, are erased."),
        count=counting("members_member", _LAST_SEEN),
        remove=running(
            "UPDATE members_member SET erasure_requested_at = now() WHERE tenant_id = {tenant} AND id IN ("
            f"SELECT t.id FROM members_member t WHERE t.tenant_id = {{tenant}} AND {_LAST_SEEN} "
            "ORDER BY t.id LIMIT %(limit)s)"
        ),
        least_days=180,
    )
)
