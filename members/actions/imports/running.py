"""Writing what the dry run found, in slices; each is looked up again, for the world moves on."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from members.actions.consents import register_purpose
from members.actions.duplicates import request_comparison
from members.actions.events import emit
from members.actions.imports import statements as sql
from members.actions.imports.checking import clear_rows, count_rows
from members.actions.imports.slices import look_at_growth, look_up_by_key, resolve, run, slice_between
from members.actions.imports.targets import NONE_BELIEVED, believed_more
from members.actions.imports.uploading import KEEP, identifying
from members.events import ConsentChanged, MemberCreated, MemberUpdated, PlatformEvent, TagAdded
from members.models import AttributeDefinition, Import, ImportRow
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.jobs.actions import start_job
from urm.jobs.models import Job
from urm.tenancy.work import wake_after_commit

SLICE = 2500  # about a second's work
State = Import.State


def run_import(*, job: Import) -> Job:
    """Start writing an import that was checked; rows with problems are left out."""
    with transaction.atomic():
        current = Import.objects.select_for_update().get(pk=job.pk)
        if current.state not in {State.CHECKED, State.CANCELLED, State.FAILED} or not current.counts:
            raise ValidationError(_("Check the file first; then it can be imported."), code="import_is_not_checked")
        started = start_job(
            kind="members.import.run", label=job.name, parameters={"import": job.pk}, total=current.rows
        )
        Import.objects.filter(pk=job.pk).update(
            state=State.RUNNING, job_id=started.pk, undo_until=timezone.now() + KEEP, finished_at=None
        )
        _make_attributes(current)
        record(verb="import.run", target=job, after={"mode": current.mode, "rows": current.rows})
    job.refresh_from_db()
    return started


def run_step(job: Job) -> bool:
    look_up_by_key()
    importing = Import.objects.get(pk=job.parameters["import"])
    first = importing.pk << 32
    if "row" not in job.position:
        # One that was cancelled or failed goes on after the last row that it wrote.
        Import.objects.filter(pk=importing.pk).update(state=State.RUNNING)
        job.position["row"] = last_written(importing) or first
        job.done = ImportRow.objects.filter(id__gt=first, id__lte=job.position["row"]).count()
    after = int(job.position["row"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(id), count(*) FROM (SELECT id FROM members_importrow WHERE tenant_id = %s AND id > %s "
            "AND id <= %s ORDER BY id LIMIT %s) r",
            [importing.tenant_id, after, first + 0xFFFF_FFFF, SLICE],
        )
        until, rows = cursor.fetchone()
        if not rows:
            return False
        _write(cursor, importing, after, until)
        look_at_growth(cursor, "members_member", before=job.done, after=job.done + rows)
    job.position["row"] = until
    job.done += rows
    job.say(gettext_noop("Writing members"))
    return True


def last_written(importing: Import) -> int | None:
    first = importing.pk << 32
    rows = ImportRow.objects.filter(id__gt=first, id__lte=first + 0xFFFF_FFFF, applied_at__isnull=False)
    return rows.order_by("-id").values_list("id", flat=True).first()


def end_run(job: Job) -> None:
    states = {"done": State.DONE, "failed": State.FAILED, "cancelled": State.CANCELLED}
    importing = Import.objects.get(pk=job.parameters["import"])
    importing.state = states[job.state]
    importing.finished_at = timezone.now()
    importing.counts = count_rows(importing.pk)
    if importing.state != State.DONE:
        importing.counts["written"] = job.done
    importing.save(update_fields=["state", "counts", "finished_at"])
    if {"birthday", "first_name", "last_name"} <= {column["target"] for column in importing.columns}:
        request_comparison()  # shared addresses are noted slice by slice; for names and birthdays one pass is cheaper
    job.result = {"import_id": importing.pk, "counts": importing.counts, "error_file_id": importing.error_file_id}
    record(verb="import.end", target=importing, after={"state": importing.state, "counts": importing.counts})


def delete_old_rows() -> bool:
    """Rows of imports that can't be undone any more are deleted; True when there may be more."""
    over = Import.objects.filter(undo_until__lte=timezone.now()).order_by("undo_until").first()
    if over is None:
        return False
    with transaction.atomic():
        if not clear_rows(over.pk):
            Import.objects.filter(pk=over.pk).update(undo_until=None)
    return True


def _make_attributes(importing: Import) -> None:
    """The attributes that the mapping asked for. One that was made meanwhile is used as it is."""
    for column in importing.columns:
        if column.get("new"):
            definition, created = AttributeDefinition.objects.get_or_create(
                name=column["target"][10:], defaults={"type": column["type"], "label_en": column["header"][:100]}
            )
            if created:
                record(verb="attribute.create", target=definition, after={"name": definition.name})


def _write(cursor: CursorWrapper, importing: Import, after: int, until: int) -> None:
    """One slice: whom each row is about, who is new, what differs, and everything that hangs on it."""
    now = timezone.now()
    slice_between(cursor, "outcome <> 'error'", after=after, until=until)
    resolve(cursor, kinds=identifying(importing))
    _leave_out(cursor, importing)
    events: list[PlatformEvent] = []
    for _look in range(2):
        if not run(cursor, sql.NUMBER_NEW, now=now):
            break
        created = sql.insert_new(cursor, importing, now=now)
        events += [MemberCreated(member_id=pk, source=source) for pk, source in created]
        if not run(cursor, sql.FORGET_NUMBERS, made=[event.member_id for event in events]):
            break
        resolve(cursor, kinds=identifying(importing))
    run(cursor, sql.LOCK)
    believed = believed_more(importing)
    run(cursor, sql.DIFFER, mode=importing.mode, believed=believed, now=now)
    changed = sql.change(cursor, importing, now=now)
    events += [MemberUpdated(member_id=pk, fields=_names(keys)) for pk, keys in changed]
    if believed != NONE_BELIEVED:
        run(cursor, sql.NOTE_SOURCES, believed=believed)
    run(cursor, sql.DROP_OLD_ADDRESSES)
    run(cursor, sql.ADD_IDENTITIES, now=now)
    if taken := cursor.fetchall():
        members, address_kinds, values = map(list, zip(*taken, strict=True))
        run(cursor, sql.NOTE_DUPLICATES, members=members, kinds=address_kinds, values=values, now=now)
    events += _tags_and_consents(cursor, importing, now)
    run(cursor, sql.MARK_DIRTY)
    run(cursor, sql.KEEP, after=after, until=until)
    emit(events, at=now)
    wake_after_commit("stream")


def _leave_out(cursor: CursorWrapper, importing: Import) -> None:
    """Rows that the mode has nothing to do with. They take no further part."""
    if importing.mode in {Import.Mode.UPDATE, Import.Mode.CREATE}:
        run(cursor, sql.TAKE_IN)
        known = "IS NULL" if importing.mode == Import.Mode.UPDATE else "IS NOT NULL"
        run(cursor, sql.LEAVE_OUT.replace("{known}", known))


def _tags_and_consents(cursor: CursorWrapper, importing: Import, now: datetime) -> list[PlatformEvent]:
    events: list[PlatformEvent] = []
    by = current_actor().label[:200]
    targets = [column["target"] for column in importing.columns]
    if "tags" in targets or importing.options.get("tags"):
        run(cursor, sql.NEW_TAGS, now=now)
        run(cursor, sql.ADD_TAGS, now=now, by=by)
        kind = current_actor().kind
        events += [TagAdded(member_id=pk, tag=tag, by=kind) for pk, tag in cursor.fetchall()]
    consents = [target for target in targets if target.startswith("consent:")]
    if consents:
        for purpose in {target.split(":")[2] for target in consents}:
            register_purpose(key=purpose)
        source = importing.options.get("consent_source", "")[:100]
        wording = importing.options.get("consent_wording", "")[:200]
        run(cursor, sql.ADD_CONSENT_RECORDS, now=now, by=by, source=source, wording=wording)
        run(cursor, sql.ADD_CONSENTS, now=now)
        events += [
            ConsentChanged(member_id=pk, channel=channel, purpose=purpose, granted=granted, source=source)
            for pk, channel, purpose, granted in cursor.fetchall()
        ]
    return events


def _names(keys: list[str]) -> tuple[str, ...]:
    return tuple(sorted({key.partition(".")[0] for key in keys}))
