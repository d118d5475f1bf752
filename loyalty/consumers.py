"""Purchases become points."""

from collections.abc import Sequence

from loyalty.actions import Earning, earn_points
from loyalty.actions.earning import EARNING_CONSUMER
from loyalty.models import Programme
from members.consumers import Consumer, LoggedEvent, register_consumer


class EarnPoints(Consumer):
    """Reads trusted purchases; whether they count is decided by when they happened, so late ones do too."""

    name = EARNING_CONSUMER
    names = frozenset({"purchase"})

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        programme = Programme.objects.first()
        if programme is None:
            return
        earnings = [
            Earning(event.id, event.member_id, points, event.occurred_at, programme.expiry_of(event.occurred_at))
            for event in events
            if event.trusted and (points := programme.points_for(event.amount, event.occurred_at))
        ]
        earn_points(earnings=earnings)


register_consumer(EarnPoints())
