"""Audience syncs: set up, paused, taken down; and the steps that keep the outside current.

What the outside knows stands in SyncedMember, what is so in the members' states: the difference is what must be sent.
So nothing is lost whatever dies, and a change that was undone meanwhile is not sent at all. A batch is written down
before it is sent and keeps its key: a receiver that remembers the keys it has taken takes each batch exactly once. We
send at least once; nobody can promise more over HTTP.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from members.models import Member
from segments.models import AudienceSync, Change, Segment, SyncBatch, SyncedMember
from urm.audit.actions import record
from urm.lib.outbound import OutboundError, check_address
from urm.lib.secrets import encrypt
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

WORK = "audiences"
FIELDS = ("email", "phone", "first_name", "last_name", "language", "city", "region", "country")
SETTLE = timedelta(seconds=2)  # changes of so long go out together
OVERLAP = timedelta(seconds=10)  # a change may be committed a little after its moment
RECONCILE = timedelta(hours=1)
LEASE = timedelta(minutes=2)
ROWS = {"webhook": 1000, "store": 10_000}
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
GIVE_UP = timedelta(days=3)
KEPT_BATCHES = 500

_ADDED = """
SELECT s.member_id, m.external_id FROM members_memberstate s
JOIN members_member m ON m.tenant_id = {tenant} AND m.id = s.member_id
WHERE s.tenant_id = {tenant} AND s.segment_ids @> ARRAY[%(segment)s]::integer[] AND m.external_id IS NOT NULL
  AND m.merged_into_id IS NULL AND m.erased_at IS NULL AND s.member_id > %(after)s {unknown}
ORDER BY s.member_id LIMIT %(limit)s
"""
_UNKNOWN = """
AND NOT EXISTS (SELECT FROM segments_syncedmember y WHERE y.tenant_id = {tenant} AND y.sync_id = %(sync)s
                AND y.member_id = s.member_id AND y.external_id = m.external_id)
"""
_REMOVED = """
SELECT y.member_id, y.external_id FROM segments_syncedmember y
LEFT JOIN members_member m ON m.tenant_id = {tenant} AND m.id = y.member_id AND m.merged_into_id IS NULL
    AND m.erased_at IS NULL AND m.external_id = y.external_id
LEFT JOIN members_memberstate s ON s.tenant_id = {tenant} AND s.member_id = m.id
    AND s.segment_ids @> ARRAY[%(segment)s]::integer[]
WHERE y.tenant_id = {tenant} AND y.sync_id = %(sync)s AND s.member_id IS NULL
ORDER BY y.member_id LIMIT %(limit)s
"""


def create_audience_sync(
    *,
    name: str,
    segment: Segment,
    destination: str,
    mode: str = "change",
    every_hours: int = 24,
    url: str = "",
    store: str = "",
    format: str = "csv",  # noqa: A002 - the field's name
    fields: list[str] | None = None,
) -> tuple[AudienceSync, str]:
    """Keep a segment current elsewhere; returns it and the secret that signs its webhooks ("" for files).

    The secret is told here and never again. Raises ValidationError by field.
    """
    sync = AudienceSync(
        name=name,
        segment=segment,
        destination=destination,
        mode=mode,
        every_hours=every_hours,
        url=url if destination == "webhook" else "",
        store=store if destination == "store" else "",
        format=format,
        fields=fields or [],
    )
    _check(sync)
    secret = ""
    if destination == "webhook":
        secret = f"whsec_{secrets.token_urlsafe(32)}"
        sync.secret = encrypt(secret)
    with transaction.atomic():
        sync.save()
        record(verb="audience_sync.create", target=sync, after={"segment": segment.pk, "destination": destination})
        _wake()
    return sync, secret


def renew_secret(*, sync: AudienceSync) -> str:
    """A new signing secret, which counts from the next request on; told here and never again."""
    secret = f"whsec_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        AudienceSync.objects.filter(pk=sync.pk).update(secret=encrypt(secret))
        record(verb="audience_sync.renew_secret", target=sync)
    return secret


def set_active(*, sync: AudienceSync, active: bool) -> None:
    """Pause it, or go on with what changed meanwhile."""
    with transaction.atomic():
        changed = AudienceSync.objects.filter(pk=sync.pk, active=not active).update(
            active=active, next_at=timezone.now(), failures=0, failing_since=None, problem=""
        )
        if changed:
            SyncBatch.objects.filter(sync=sync, state=SyncBatch.State.GIVEN_UP).exclude(added=[], removed=[]).update(
                added=[], removed=[]
            )
            record(verb="audience_sync.resume" if active else "audience_sync.pause", target=sync)
        _wake()


def run_now(*, sync: AudienceSync) -> None:
    """Do not wait for the next turn."""
    with transaction.atomic():
        AudienceSync.objects.filter(pk=sync.pk).update(next_at=timezone.now())
        record(verb="audience_sync.run", target=sync)
        _wake()


def delete_audience_sync(*, sync: AudienceSync) -> None:
    """Stop it for good. What the outside has stays there."""
    with transaction.atomic():
        record(verb="audience_sync.delete", target=sync, before={"name": sync.name})
        AudienceSync.objects.filter(pk=sync.pk).delete()


# --- the steps


def note_changes(*, now: datetime | None = None) -> bool:
    """Have the syncs looked at whose segment changed since the last look; a failing one keeps its pause."""
    now = now or timezone.now()
    due = now + SETTLE
    waiting = AudienceSync.objects.filter(
        active=True, mode=AudienceSync.Mode.CHANGE, failures=0, next_at__gt=due, looked_at__isnull=False
    )
    touched = [
        sync.pk
        for sync in waiting
        if sync.looked_at
        and Change.objects.filter(
            kind=Change.Kind.SEGMENT, target_id=sync.segment_id, at__gt=sync.looked_at - OVERLAP
        ).exists()
    ]
    if touched:
        AudienceSync.objects.filter(pk__in=touched).update(next_at=due)
        wake(WORK, due)
    return bool(touched)


def claim_due(*, now: datetime) -> AudienceSync | None:
    """The sync that has waited longest, leased to the caller; None when none is due."""
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    due = AudienceSync.objects.filter(free, active=True, next_at__lte=now)
    for pk in due.order_by("next_at").values_list("pk", flat=True)[:5]:
        if AudienceSync.objects.filter(free, pk=pk, active=True).update(leased_until=now + LEASE):
            return AudienceSync.objects.select_related("segment").get(pk=pk)
    return None


def next_batch(*, sync: AudienceSync, now: datetime) -> SyncBatch | None:
    """The batch to send: one that waits, else a new one, written down; None when the outside is current."""
    waiting = SyncBatch.objects.filter(sync=sync, state=SyncBatch.State.WAITING).order_by("number").first()
    if waiting is not None:
        return waiting
    limit = ROWS[sync.destination]
    with transaction.atomic():
        if sync.mode == AudienceSync.Mode.CHANGE:
            removed = _rows(_REMOVED, sync, limit=limit)
            added = _rows(_ADDED, sync, limit=limit - len(removed), unknown=_UNKNOWN)
            if not added and not removed:
                AudienceSync.objects.filter(pk=sync.pk).update(
                    next_at=now + RECONCILE, looked_at=now, leased_until=None, problem=""
                )
                return None
            return _write(sync, SyncBatch.Kind.CHANGE, added, removed, last=True)
        added = _rows(_ADDED, sync, limit=limit + 1, after=sync.page_after or 0)
        return _write(sync, SyncBatch.Kind.FULL, added[:limit], [], last=len(added) <= limit)


def settle_batch(*, batch: SyncBatch, now: datetime) -> None:
    """The receiver has it: note what the outside knows now and when to look again."""
    with transaction.atomic():
        sync = _held(batch)
        if sync is None:
            return
        if batch.kind == SyncBatch.Kind.CHANGE:
            gone = [pk for pk, _external_id in batch.removed]
            SyncedMember.objects.filter(sync=sync, member_id__in=gone).delete()
            SyncedMember.objects.bulk_create(
                [SyncedMember(sync=sync, member_id=pk, external_id=one) for pk, one in batch.added],
                ignore_conflicts=True,
            )
            sync.next_at = now
        else:
            sync.page_after = None if batch.last else batch.added[-1][0]
            sync.next_at = now + timedelta(hours=sync.every_hours) if batch.last else now
        sync.leased_until, sync.failures, sync.failing_since, sync.problem = None, 0, None, ""
        sync.delivered_at = now
        sync.save()
        SyncBatch.objects.filter(pk=batch.pk).update(
            state=SyncBatch.State.DELIVERED,
            added=[],
            removed=[],
            problem="",
            delivered_at=now,
            tried_at=now,
            attempts=batch.attempts + 1,
        )
        SyncBatch.objects.filter(sync=sync, number__lte=batch.number - KEPT_BATCHES).delete()


def note_failure(*, batch: SyncBatch, problem: str, final: bool, wait: timedelta | None, now: datetime) -> None:
    """Try again after a pause that doubles; after three days, or when the receiver says never, pause the sync."""
    with transaction.atomic():
        sync = _held(batch)
        if sync is None:
            return
        sync.failures += 1
        sync.failing_since = sync.failing_since or now
        sync.problem = problem[:300]
        pause = min(FIRST_PAUSE * 2 ** min(sync.failures - 1, 12), LONGEST_PAUSE)
        sync.next_at = now + max(pause, min(wait or pause, LONGEST_PAUSE))
        sync.leased_until = None
        stop = final or now - sync.failing_since >= GIVE_UP
        sync.active = sync.active and not stop
        sync.save()
        state = {"state": SyncBatch.State.GIVEN_UP, "added": [], "removed": []} if stop else {}
        SyncBatch.objects.filter(pk=batch.pk).update(
            problem=problem[:300], tried_at=now, attempts=batch.attempts + 1, **state
        )


def _held(batch: SyncBatch) -> AudienceSync | None:
    """The batch's sync, locked; None when a worker whose lease came later has ended the batch, or the sync is gone.

    A worker that was slower than its lease must not put back what has gone on without it.
    """
    sync = AudienceSync.objects.select_for_update().filter(pk=batch.sync_id).first()
    waits = SyncBatch.objects.filter(pk=batch.pk, state=SyncBatch.State.WAITING).exists()
    return sync if waits else None


def set_alarm() -> None:
    """Wake for the earliest sync that waits."""
    due = AudienceSync.objects.filter(active=True).order_by("next_at").values_list("next_at", "leased_until").first()
    if due is not None:
        wake(WORK, max(moment for moment in due if moment is not None))


def _check(sync: AudienceSync) -> None:
    problems: dict[str, str] = {}
    if unknown := [name for name in sync.fields if name not in FIELDS]:
        problems["fields"] = _("Unknown field %(name)s; choose among: %(names)s.") % {
            "name": unknown[0],
            "names": ", ".join(FIELDS),
        }
    if not 1 <= sync.every_hours <= 24 * 31:
        problems["every_hours"] = _("Must lie between 1 and 744.")
    if sync.destination == AudienceSync.Destination.WEBHOOK:
        try:
            check_address(sync.url)
        except OutboundError as error:
            problems["url"] = str(error)
    elif sync.store not in settings.AUDIENCE_STORES:
        names = ", ".join(settings.AUDIENCE_STORES) or _("none; the operator sets AUDIENCE_STORES")
        problems["store"] = _("Must be one of: %(choices)s.") % {"choices": names}
    if problems:
        raise ValidationError(problems)
    sync.full_clean(exclude=["tenant", "secret", "segment"])


def _rows(
    statement: str, sync: AudienceSync, *, limit: int, unknown: str = "", after: int = 0
) -> list[tuple[int, str]]:
    if limit < 1:
        return []
    tenant = require_tenant()
    with connection.cursor() as db:
        db.execute(
            statement.format(tenant=tenant, unknown=unknown.format(tenant=tenant)),
            {"segment": sync.segment_id, "sync": sync.pk, "limit": limit, "after": after},
        )
        return list(db.fetchall())


def _write(
    sync: AudienceSync, kind: str, added: list[tuple[int, str]], removed: list[tuple[int, str]], *, last: bool
) -> SyncBatch:
    sync.last_number += 1
    AudienceSync.objects.filter(pk=sync.pk).update(last_number=sync.last_number, looked_at=timezone.now())
    return SyncBatch.objects.create(
        sync=sync,
        number=sync.last_number,
        key=uuid4(),
        kind=kind,
        last=last,
        added=added,
        removed=removed,
        added_count=len(added),
        removed_count=len(removed),
    )


def profiles(*, batch: SyncBatch, fields: list[str]) -> list[dict[str, Any]]:
    """What is told of the added members: their external ids and the chosen fields, read now.

    Who was erased or merged away since the batch was written is left out.
    """
    rows = Member.objects.filter(
        pk__in=[pk for pk, _external_id in batch.added], merged_into=None, erased_at=None
    ).exclude(external_id=None)
    return [
        {"external_id": row.external_id, **{name: getattr(row, name) for name in fields}} for row in rows.order_by("pk")
    ]


def _wake() -> None:
    transaction.on_commit(lambda: wake(WORK))
