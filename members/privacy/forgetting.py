"""Taking a person out of what waits, was logged, imported, parked and recorded."""

import re
from collections.abc import Container, Iterable, Sequence
from typing import Any

import orjson
from django.db import connection
from django.db.models import Sum

from members.models import EventName, Identity, ImportRow, InboxEntry, ParkedEvent
from urm.privacy import Person
from urm.privacy.registry import anywhere, execute
from urm.privacy.searching import Search, search_in_slices, search_the_rest
from urm.tenancy.context import require_tenant


def forget_in_inbox(person: Person) -> None:
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


def forget_in_log(person: Person) -> None:
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


def forget_in_imports(person: Person) -> None:
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


def forget_in_parked(person: Person) -> None:
    found = execute(
        "SELECT id, coalesce(member_id = ANY({members}), false), body::text || ' ' || reason FROM members_parkedevent "
        "WHERE tenant_id = {tenant} AND (member_id = ANY({members}) OR body::text ILIKE ANY({addresses}) "
        "OR reason ILIKE ANY({addresses}))",
        person,
    )
    ParkedEvent.objects.filter(pk__in=[pk for pk, own, text in found if own or person.is_mentioned_in(text)]).delete()


def forget_in_records(person: Person) -> None:
    """Append-only for the application: a function of the owner's blanks, and can do nothing else."""
    execute("SELECT app.blank_consent_records({members})", person)


def forget_suppressed(person: Person) -> None:
    """The address stays suppressed: by its digest, and without its text."""
    execute(
        "UPDATE members_suppression SET address = NULL, "
        "reason = CASE WHEN reason IN ('bounced', 'complained', 'requested') THEN reason ELSE 'requested' END "
        "WHERE tenant_id = {tenant} AND (digest = ANY({digests}) OR reason ILIKE ANY({words}))",
        person,
    )


def _size_of_import_rows() -> int:
    return ImportRow.objects.count()  # asked of the workspace that is current then


search_in_slices(Search("members_event", step=_search_log, size=_size_of_log))
search_in_slices(Search("members_importrow", step=_search_import_rows, size=_size_of_import_rows))
