"""The way back: what an import changed gets its earlier value, whom it made goes, unless somebody changed it since.

Statements of consent are proof and stay; where one changed what holds, the undo adds its contrary.
"""

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from members.actions.events import emit
from members.actions.imports.slices import look_up_by_key, run, slice_between
from members.actions.imports.statements import MEMBER_NOW, MEMBERS, OLD, TYPES, mapped_fields
from members.actions.imports.targets import FIELDS
from members.events import ConsentChanged, MemberUpdated, PlatformEvent, TagRemoved
from members.models import Consent, Identity, Import, MemberState, MemberTag
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.jobs.actions import start_job
from urm.jobs.models import Job
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake_after_commit

SLICE = 2500  # about a second's work
SOURCE = "undo of import %s"
# What the platform notes about everybody whom an import makes. Any other event means that the member was really there.
AUTOMATIC = r"^urm\.(member|tag|segment|stage|consent)\."
State = Import.State

_CHANGED = "r.fate IS NULL AND r.after IS NOT NULL AND NOT coalesce(r.made ? 'member', false)"
_MADE = "r.fate IS NULL AND r.made ? 'member'"

_LOCK = f"""
SELECT count(*) FROM (
    SELECT id FROM members_member WHERE tenant_id = {{tenant}} AND id = {MEMBERS.format(which="true")}
    ORDER BY id FOR UPDATE
) m
"""
# What still is as the import left it is restored; `fate` says where something is not.
_RESTORE = f"""
WITH back AS MATERIALIZED (
    SELECT s.id, s.member_id, v.* FROM import_slice s CROSS JOIN {MEMBER_NOW} CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(e.key, s.before -> e.key) FILTER (WHERE o.old = e.value) AS values,
               count(*) FILTER (WHERE o.old <> e.value) AS others
        FROM jsonb_each(s.after) e CROSS JOIN LATERAL (SELECT {OLD}) o(old)
    ) v
    WHERE {_CHANGED.replace("r.", "s.")}
), noted AS (
    UPDATE import_slice r SET fate = CASE WHEN b.others > 0 THEN 'changed_since' ELSE 'restored' END
    FROM back b WHERE r.id = b.id
)
UPDATE members_member m SET {{sets}}
    attributes = (m.attributes || coalesce((SELECT jsonb_object_agg(substr(a.key, 12), a.value)
            FROM jsonb_each(b.values) a WHERE starts_with(a.key, 'attributes.') AND a.value <> 'null'), '{{{{}}}}'))
        - ARRAY(SELECT substr(a.key, 12) FROM jsonb_each(b.values) a
                WHERE starts_with(a.key, 'attributes.') AND a.value = 'null'),
    updated_at = %(now)s
FROM back b WHERE m.tenant_id = {{tenant}} AND m.id = {MEMBERS.format(which="after IS NOT NULL")}
  AND m.id = b.member_id AND b.values IS NOT NULL
RETURNING m.id, ARRAY(SELECT jsonb_object_keys(b.values))
"""
_SPOIL = f"""
UPDATE import_slice r SET fate = 'used_since' FROM (
    SELECT s.id FROM import_slice s CROSS JOIN LATERAL (
        SELECT m.id, m.updated_at, m.erased_at, m.merged_into_id FROM members_member m
        WHERE m.tenant_id = {{tenant}} AND m.id = s.member_id OFFSET 0
    ) m
    WHERE {_MADE.replace("r.", "s.")} AND (
        m.updated_at <> s.applied_at OR m.erased_at IS NOT NULL OR m.merged_into_id IS NOT NULL
        OR EXISTS (SELECT 1 FROM members_event e WHERE e.tenant_id = {{tenant}} AND e.member_id = m.id
                   AND e.name_id <> ALL (ARRAY(SELECT n.id FROM members_eventname n
                       WHERE n.tenant_id = {{tenant}} AND n.name ~ %(automatic)s))
                   OFFSET 0)
        OR EXISTS (SELECT 1 FROM members_membertag t WHERE t.tenant_id = {{tenant}} AND t.member_id = m.id
                   AND t.since <> s.applied_at OFFSET 0))
) u WHERE u.id = r.id
"""
_REMOVE = f"""
WITH gone AS (
    UPDATE import_slice r SET fate = 'removed' WHERE {_MADE} RETURNING r.member_id
)
UPDATE members_member m SET {{blank}} attributes = '{{{{}}}}', attribute_sources = NULL, updated_at = %(now)s,
    erased_at = %(now)s
FROM gone WHERE m.tenant_id = {{tenant}} AND m.id = {MEMBERS.format(which="made ? 'member'")} AND m.id = gone.member_id
RETURNING m.id
"""
_TAKE_TAGS = f"""
WITH gone AS (
    DELETE FROM members_membertag WHERE tenant_id = {{tenant}} AND id = ANY (ARRAY(
        SELECT t.id FROM import_slice r CROSS JOIN LATERAL (
            SELECT t.id, t.tag_id, t.since FROM members_membertag t
            WHERE t.tenant_id = {{tenant}} AND t.member_id = r.member_id OFFSET 0
        ) t WHERE r.made ? 'tags' AND r.made -> 'tags' @> to_jsonb(t.tag_id) AND t.since = r.applied_at
    )) RETURNING member_id, tag_id
), held AS (
    UPDATE members_memberstate s
    SET tag_ids = ARRAY(SELECT x FROM unnest(s.tag_ids) x WHERE x <> ALL (g.ids) ORDER BY x)
    FROM (SELECT member_id, array_agg(tag_id) AS ids FROM gone GROUP BY 1) g
    WHERE s.tenant_id = {{tenant}} AND s.member_id = {MEMBERS.format(which="made ? 'tags'")}
      AND s.member_id = g.member_id
), tag AS MATERIALIZED (
    SELECT id, name FROM members_tag WHERE tenant_id = {{tenant}} AND kind = 'manual'
)
SELECT g.member_id, t.name FROM gone g JOIN tag t ON t.id = g.tag_id
"""
_TAKE_IDENTITIES = """
DELETE FROM members_identity WHERE tenant_id = {tenant} AND id = ANY (ARRAY(
    SELECT i.id FROM import_slice r CROSS JOIN LATERAL (
        SELECT i.id FROM members_identity i WHERE i.tenant_id = {tenant} AND i.member_id = r.member_id OFFSET 0
    ) i WHERE r.made -> 'identities' @> to_jsonb(i.id) AND r.fate IS DISTINCT FROM 'used_since'
))
"""
_SOURCES_BACK = f"""
UPDATE members_member m SET attribute_sources = nullif((m.attribute_sources || b.known) - b.unknown, '{{{{}}}}') FROM (
    SELECT s.member_id,
           coalesce(jsonb_object_agg(e.key, e.value) FILTER (WHERE e.value <> 'null'), '{{{{}}}}') AS known,
           coalesce(array_agg(e.key) FILTER (WHERE e.value = 'null'), '{{{{}}}}') AS unknown
    FROM import_slice s CROSS JOIN {MEMBER_NOW} CROSS JOIN LATERAL jsonb_each(s.made -> 'sources') e
    WHERE NOT s.made ? 'member' AND m.sources ->> e.key = 'import' GROUP BY s.member_id
) b
WHERE m.tenant_id = {{tenant}} AND m.id = {MEMBERS.format(which="made ? 'sources'")} AND m.id = b.member_id
"""
_GIVE_ADDRESSES_BACK = f"""
INSERT INTO members_identity (tenant_id, member_id, kind, value, from_profile, created_at)
SELECT {{tenant}}, m.id, v.kind, v.value, true, %(now)s
FROM import_slice s CROSS JOIN {MEMBER_NOW}
CROSS JOIN LATERAL (VALUES ('email', m.fields ->> 'email'), ('phone', m.fields ->> 'phone')) v(kind, value)
WHERE s.fate IN ('restored', 'changed_since') AND v.value <> '' ORDER BY v.kind, v.value
ON CONFLICT DO NOTHING
"""
# What holds is what was said last: only where the import's own word still holds, its contrary is added.
_CONTRADICT = f"""
WITH given AS MATERIALIZED (
    SELECT r.member_id, c ->> 0 AS channel, c ->> 1 AS purpose, (c ->> 2)::boolean AS granted, r.applied_at
    FROM import_slice r, jsonb_array_elements(r.made -> 'consents') c WHERE r.made ? 'consents'
), back AS (
    UPDATE members_consent k SET granted = NOT g.granted, at = %(now)s FROM given g
    WHERE k.tenant_id = {{tenant}} AND k.member_id = {MEMBERS.format(which="made ? 'consents'")}
      AND k.member_id = g.member_id AND k.channel = g.channel AND k.purpose = g.purpose
      AND k.granted = g.granted AND k.at = g.applied_at
    RETURNING k.member_id, k.channel, k.purpose, k.granted
), proof AS (
    INSERT INTO members_consentrecord (tenant_id, member_id, channel, purpose, granted, at, source, wording,
                                       recorded_by)
    SELECT {{tenant}}, member_id, channel, purpose, granted, %(now)s, %(source)s, '', %(by)s FROM back
    ORDER BY member_id, channel, purpose
)
SELECT member_id, channel, purpose, granted FROM back
"""
_MARK_DIRTY = """
INSERT INTO members_dirtymember (tenant_id, member_id, marked_at)
SELECT DISTINCT {tenant}::bigint, member_id, now() FROM import_slice WHERE member_id IS NOT NULL ORDER BY member_id
ON CONFLICT (tenant_id, member_id) DO UPDATE SET marked_at = excluded.marked_at
"""
_KEEP = """
UPDATE members_importrow r SET fate = s.fate FROM import_slice s
WHERE r.tenant_id = {tenant} AND r.id > %(after)s AND r.id <= %(until)s AND r.id = s.id AND s.fate IS NOT NULL
"""
_COUNT = """
SELECT count(*) FILTER (WHERE fate = 'restored'), count(*) FILTER (WHERE fate = 'removed'),
       count(*) FILTER (WHERE fate = 'changed_since'), count(*) FILTER (WHERE fate = 'used_since')
FROM members_importrow WHERE tenant_id = {tenant} AND id > %(after)s AND id <= %(until)s
"""


def undo_import(*, job: Import) -> Job:
    """Start taking an import back. Possible as long as its rows are kept."""
    with transaction.atomic():
        current = Import.objects.select_for_update().get(pk=job.pk)
        if current.finished_at is None or current.state not in {State.DONE, State.CANCELLED, State.FAILED}:
            raise ValidationError(_("Only an import that has run can be undone, and only once."), code="cannot_undo")
        if current.undo_until is None or current.undo_until <= timezone.now():
            raise ValidationError(_("The rows of this import are no longer kept."), code="too_late_to_undo")
        started = start_job(
            kind="members.import.undo", label=job.name, parameters={"import": job.pk}, total=current.rows
        )
        Import.objects.filter(pk=job.pk).update(state=State.UNDOING, job_id=started.pk)
        record(verb="import.undo", target=job)
    job.refresh_from_db()
    return started


def undo_step(job: Job) -> bool:
    """The last rows first, so that a member who stands in two slices gets back what was before both."""
    look_up_by_key()
    importing = Import.objects.get(pk=job.parameters["import"])
    first = importing.pk << 32
    until = int(job.position.get("row", first + 0xFFFF_FFFF))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(id), count(*) FROM (SELECT id FROM members_importrow WHERE tenant_id = %s AND id > %s "
            "AND id <= %s ORDER BY id DESC LIMIT %s) r",
            [require_tenant(), first, until, SLICE],
        )
        lowest, rows = cursor.fetchone()
        if not rows:
            return False
        _take_back(cursor, importing, lowest - 1, until)
    job.position["row"] = lowest - 1
    job.done += rows
    job.say(gettext_noop("Restoring what was before"))
    return True


def end_undo(job: Job) -> None:
    importing = Import.objects.get(pk=job.parameters["import"])
    first = importing.pk << 32
    with connection.cursor() as cursor:
        run(cursor, _COUNT, after=first, until=first + 0xFFFF_FFFF)
        counted = dict(zip(("restored", "removed", "changed_since", "used_since"), cursor.fetchone(), strict=True))
    # One that was cancelled or failed can be asked for again: what is restored already is left alone.
    importing.state = State.UNDONE if job.state == "done" else State.CANCELLED
    importing.counts["undo"] = counted
    importing.save(update_fields=["state", "counts"])
    job.result = {"import_id": importing.pk, **counted}
    record(verb="import.undone", target=importing, after=counted)


def _take_back(cursor: CursorWrapper, importing: Import, after: int, until: int) -> None:
    now = timezone.now()
    by = current_actor().label[:200]
    slice_between(cursor, "applied_at IS NOT NULL", after=after, until=until)
    run(cursor, _LOCK)
    run(cursor, _SPOIL, automatic=AUTOMATIC)
    run(cursor, _TAKE_TAGS)
    events: list[PlatformEvent] = [
        TagRemoved(member_id=pk, tag=tag, by=current_actor().kind) for pk, tag in cursor.fetchall()
    ]
    run(cursor, _CONTRADICT, now=now, by=by, source=SOURCE % importing.pk)
    events += [
        ConsentChanged(member_id=pk, channel=channel, purpose=purpose, granted=granted, source=SOURCE % importing.pk)
        for pk, channel, purpose, granted in cursor.fetchall()
    ]
    run(cursor, _TAKE_IDENTITIES)
    run(cursor, _RESTORE.replace("{sets}", _sets(importing)), now=now)
    events += [
        MemberUpdated(member_id=pk, fields=tuple(sorted({key.partition(".")[0] for key in keys})))
        for pk, keys in cursor.fetchall()
    ]
    run(cursor, _SOURCES_BACK)
    run(cursor, _GIVE_ADDRESSES_BACK, now=now)
    blank = "".join(f"{name} = NULL, " for name in FIELDS if name != "first_seen_at")
    run(cursor, _REMOVE.replace("{blank}", blank), now=now)
    removed = [pk for (pk,) in cursor.fetchall()]
    for model in (Identity, MemberTag, Consent, MemberState):
        model.objects.filter(member_id__in=removed).delete()
    run(cursor, _MARK_DIRTY)
    run(cursor, _KEEP, after=after, until=until)
    gone = set(removed)
    emit([event for event in events if event.member_id not in gone], at=now)
    wake_after_commit("stream")


def _sets(importing: Import) -> str:
    return "".join(
        f"{name} = CASE WHEN b.values ? '{name}' THEN (b.values ->> '{name}')::{TYPES.get(name, 'text')} "
        f"ELSE m.{name} END, "
        for name in mapped_fields(importing)
    )
