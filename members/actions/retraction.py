"""Events that did not happen, or happened otherwise. The log loses the row; all that was made from it is made anew."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from members.actions.events import Item, accept_events, canonical_event, emit, event_key, mark_dirty
from members.actions.histories import hold_log, recount
from members.events import EventRetracted
from members.models import DailyCount, Event, EventKey, EventName, InboxEntry, Member
from urm.audit.actions import record
from urm.tenancy.context import require_tenant

_FIRST_FROM = """
SELECT received_at, id FROM members_event WHERE tenant_id = {tenant} AND received_at >= %(at)s
ORDER BY received_at, id LIMIT 1
"""
_ENDS = "SELECT min(received_at), max(received_at) FROM members_event WHERE tenant_id = {tenant}"
_RETRACT = "SELECT id FROM app.retract_event(%(at)s, %(id)s)"


class UnknownEventError(LookupError):
    """No event of that id is in the log. `waiting`: it may be among those that are still to be absorbed."""

    def __init__(self, *, waiting: bool) -> None:
        super().__init__()
        self.waiting = waiting


def delete_event(*, event_id: str) -> None:
    """Take the event of that id (the sender's) out of the log; the id is never taken again.

    Raises UnknownEventError.
    """
    with transaction.atomic():
        hold_log()
        _retract(_logged(event_id), corrected=False)
        EventKey.objects.filter(key=event_key(event_id)).update(event_id=None)


def delete_event_numbered(*, number: int) -> None:
    """The same by the number that the timeline shows, for events that came without an id. Raises UnknownEventError also
    for what the platform itself noted."""
    with transaction.atomic():
        hold_log()
        event = _row(number)
        if event is None or EventName.objects.get(pk=event.name_id).platform:
            raise UnknownEventError(waiting=False)
        _retract(event, corrected=False)


def correct_event(*, event_id: str, event: Mapping[str, Any]) -> None:
    """Replace the event of that id: the new one is absorbed like any other, and keeps the id. Raises UnknownEventError,
    or EventError saying what is wrong with the new one."""
    item: Item = canonical_event({**event, "event_id": event_id}, trusted=True, now=timezone.now())
    with transaction.atomic():
        hold_log()
        old = _logged(event_id)
        _retract(old, corrected=True)
        EventKey.objects.filter(key=event_key(event_id)).delete()
        accept_events([item])


def _retract(event: Event, *, corrected: bool) -> None:
    member = Member.objects.select_for_update().get(pk=event.member_id)
    if member.merged_into_id is not None:
        member = Member.objects.select_for_update().get(pk=member.merged_into_id)
    _execute(_RETRACT, at=event.received_at, id=event.pk)
    recount([member.pk])
    if member.first_seen_at == event.occurred_at:
        days = DailyCount.objects.filter(member_id=member.pk).order_by("first_at").values_list("first_at", flat=True)
        Member.objects.filter(pk=member.pk).update(first_seen_at=days.first() or member.created_at)
    name = EventName.objects.get(pk=event.name_id).name
    moment = event.occurred_at.isoformat()
    emit(
        [EventRetracted(member_id=member.pk, event=event.pk, event_name=name, occurred_at=moment, corrected=corrected)]
    )
    mark_dirty([member.pk])
    record(
        verb="event.correct" if corrected else "event.delete",
        target=member,
        target_label=f"#{member.pk}",
        before={"event": event.pk, "name": name, "occurred_at": moment},
    )


def _logged(event_id: str) -> Event:
    known = EventKey.objects.filter(key=event_key(event_id))
    log_id = known.values_list("event_id", flat=True).first()
    event = _row(log_id) if log_id else None
    if event is None:
        raise UnknownEventError(waiting=not known.exists() and InboxEntry.objects.exists())
    return event


def _row(log_id: int) -> Event | None:
    received_at = _received_at(log_id)
    return Event.objects.filter(received_at=received_at, pk=log_id).first() if received_at else None


def _received_at(log_id: int) -> datetime | None:
    """When the row came in. The log's key begins with that moment, and per tenant both only grow: halving the time
    finds it in some forty look-ups, which saves a moment per event in the table of ids."""
    [(low, high)] = _execute(_ENDS)
    found: datetime | None = None
    while low is not None and low <= high:
        middle = low + (high - low) / 2
        first = _execute(_FIRST_FROM, at=middle)
        if first and first[0][1] <= log_id:
            found = first[0][0]
            low = first[0][0] + timedelta.resolution
        else:
            high = middle - timedelta.resolution
    return found


def _execute(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(tenant=require_tenant()), parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
