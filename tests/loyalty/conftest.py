"""A programme with three tiers, and members to whom things happen."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from loyalty.actions import create_tier, save_programme
from loyalty.models import Programme
from members.actions import accept_events, canonical_event, upsert_member
from members.models import Member
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

TIERS = (("Member", 0), ("Silver", 1000), ("Gold", 5000))


def start_programme(**values: Any) -> Programme:
    programme = save_programme(**{"name": "Club", "points_per_unit": Decimal(2), "expiry_days": 365, **values})
    for name, threshold in TIERS:
        create_tier(name=name, threshold=threshold)
    return programme


@pytest.fixture
def programme(in_acme: Tenant) -> Programme:
    return start_programme()


@pytest.fixture
def ada(in_acme: Tenant) -> Member:
    return upsert_member(external_id="ada", traits={"first_name": "Ada"})[0]


@pytest.fixture
def buy(in_acme: Tenant) -> Callable[..., None]:
    """buy("ada", 12.5, …) sends a purchase through the front door and has all work done."""

    def send(external_id: str, amount: Any, *, trusted: bool = True, **fields: Any) -> None:
        now = datetime.now(UTC)
        event = {"name": "purchase", "external_id": external_id, "amount": amount, **fields}
        accept_events([canonical_event(event, trusted=trusted, now=now)])
        drain(in_acme.pk, names=["stream"])

    return send
