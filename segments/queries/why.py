"""Entries and exits of one member in one segment, each with what caused it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from members.models import EventName, Member, MemberState
from members.queries.merging import history_ids
from segments.models import Change, Segment
from segments.queries.history import segment_changes
from urm.tenancy.context import require_tenant


@dataclass(frozen=True, slots=True)
class CausingEvent:
    """(`occurred_at`, `id`) is its place in the member's timeline."""

    id: int
    name: str
    occurred_at: datetime
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Step:
    """`cause` is one of Change.Cause; `event` is what happened, where something did and still stands in the log."""

    entered: bool
    at: datetime
    cause: str
    event: CausingEvent | None

    @property
    def cause_label(self) -> str:
        return str(Change.Cause(self.cause).label)


def steps_of(segment: Segment, member: Member, *, limit: int = 50) -> list[Step]:
    """Newest first; what was written under a member merged into this one is part of it."""
    ids = history_ids([member.pk])
    return steps_with_events(list(segment_changes(segment, ids).order_by("-at", "-id")[:limit]))


def steps_with_events(changes: Sequence[Change]) -> list[Step]:
    events = _events({row.member_id for row in changes}, [row.event_id for row in changes if row.event_id])
    return [Step(row.entered, row.at, row.cause, events.get(row.event_id or 0)) for row in changes]


def members_in(segment: Segment, members: list[Member]) -> set[int]:
    """Those of the members that are in the segment, by id."""
    ids = [member.pk for member in members]
    held = MemberState.objects.filter(member_id__in=ids, segment_ids__contains=[segment.pk])
    return set(held.values_list("member_id", flat=True))


def _events(member_ids: Collection[int], event_ids: list[int]) -> dict[int, CausingEvent]:
    """Found among the events of these members: the log has no index by id alone."""
    if not event_ids:
        return {}
    names = dict(EventName.objects.values_list("id", "name"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name_id, occurred_at, amount FROM members_event"
            " WHERE tenant_id = %s AND member_id = ANY (%s) AND id = ANY (%s)",
            [require_tenant(), list(member_ids), event_ids],
        )
        return {
            pk: CausingEvent(pk, names.get(name_id, str(name_id)), occurred_at, amount)
            for pk, name_id, occurred_at, amount in cursor.fetchall()
        }
