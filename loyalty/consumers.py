"""Purchases become points, and points follow what becomes of members and events."""

from collections.abc import Sequence
from itertools import groupby

from loyalty.actions import Earning, earn_points
from loyalty.actions.earning import EARNING_CONSUMER
from loyalty.actions.merging import move_points, return_points, take_back_points
from loyalty.models import Programme
from members.consumers import Consumer, LoggedEvent, register_consumer
from members.events import EventRetracted, MemberMerged, MemberUnmerged


class EarnPoints(Consumer):
    """Reads trusted purchases; whether they count is decided by when they happened, so late ones do too.

    Merges, un-merges and deletions stand in the same log and are read by the same cursor: what came before them has
    its points then, whatever was behind.
    """

    name = EARNING_CONSUMER
    names = frozenset({"purchase", MemberMerged.name, MemberUnmerged.name, EventRetracted.name})

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        for purchases, run in groupby(events, key=lambda event: event.name == "purchase"):
            if purchases:
                _earn(list(run))
                continue
            for event in run:
                _follow(event)


def _earn(purchases: Sequence[LoggedEvent]) -> None:
    programme = Programme.objects.first()
    if programme is None:
        return
    earnings = [
        Earning(event.id, event.member_id, points, event.occurred_at, programme.expiry_of(event.occurred_at))
        for event in purchases
        if event.trusted and (points := programme.points_for(event.amount, event.occurred_at))
    ]
    earn_points(earnings=earnings)


def _follow(event: LoggedEvent) -> None:
    if event.name == EventRetracted.name:
        take_back_points(event_id=event.properties["event"])
    elif event.name == MemberMerged.name:
        move_points(survivor_id=event.member_id, other_id=event.properties["other"], event_id=event.id)
    else:
        return_points(survivor_id=event.member_id, other_id=event.properties["other"], event_id=event.id)


register_consumer(EarnPoints())
