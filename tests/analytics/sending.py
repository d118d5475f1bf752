"""Events through the front door, rolled up at a fixed moment."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from analytics.consumers import keep_rollups
from members.actions import accept_events, canonical_event
from members.consumers.absorb import absorb
from tests.analytics.reference import Happened

NOW = datetime(2025, 7, 16, 12, tzinfo=UTC)


def send(events: Sequence[Happened]) -> None:
    for trusted in (True, False):
        items = [
            canonical_event(
                {
                    "external_id": event.member,
                    "name": event.name,
                    "occurred_at": event.at.isoformat(),
                    "amount": None if event.amount is None else str(event.amount),
                },
                trusted=trusted,
                now=NOW,
            )
            for event in events
            if event.trusted is trusted
        ]
        if items:
            accept_events(items)
    while absorb():
        pass


def roll(now: datetime = NOW, batch: int = 20_000) -> None:
    while keep_rollups(now=now, batch=batch):
        pass


def purchase(member: str, day: str, amount: str = "10") -> Happened:
    """A purchase at noon UTC."""
    return Happened(member, "purchase", datetime.fromisoformat(f"{day}T12:00:00+00:00"), Decimal(amount))


def visit(member: str, moment: str) -> Happened:
    return Happened(member, "page", datetime.fromisoformat(moment))
