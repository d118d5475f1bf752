from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from members.actions import accept_events, canonical_event
from members.consumers.absorb import absorb
from members.models import EventName, Member
from urm.tenancy.models import Tenant

Buy = Callable[..., Member]


@pytest.fixture
def shop(in_acme: Tenant) -> Tenant:
    """Acme, where purchases are known."""
    EventName.objects.create(name="purchase")
    return in_acme


@pytest.fixture
def buy(shop: Tenant) -> Buy:
    """buy("c-1", days_ago=3, amount=20) → the member, who bought so through the front door."""

    def made(external_id: str, *, days_ago: float = 1, amount: float = 10, **fields: Any) -> Member:
        now = timezone.now()
        event = {
            "name": "purchase",
            "external_id": external_id,
            "amount": amount,
            "occurred_at": (now - timedelta(days=days_ago)).isoformat(),
            **fields,
        }
        accept_events([canonical_event(event, trusted=True, now=datetime.now(UTC))])
        absorb()
        return Member.objects.get(external_id=external_id)

    return made
