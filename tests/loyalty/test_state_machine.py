"""Random histories of the ledger against a plain Python model."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from loyalty.actions import (
    Earning,
    LoyaltyError,
    adjust_points,
    create_reward,
    create_tier,
    earn_points,
    expire_points,
    reconcile,
    redeem_reward,
    reverse_transfer,
    save_programme,
)
from loyalty.models import Lot, Reward, Transfer
from loyalty.queries import member_points, own_balance
from members.actions import upsert_member
from tests.conftest import make_tenant
from urm.tenancy.context import tenant_context

NAMES = ("ada", "bob")


@dataclass
class Model:
    """What one member must have. `lots`: [expiry or None, points] in the order of spending."""

    lots: list[list[Any]] = field(default_factory=list)
    lifetime: int = 0

    @property
    def balance(self) -> int:
        return sum(points for _expiry, points in self.lots)

    def spendable(self, now: datetime) -> int:
        return sum(points for expiry, points in self.lots if expiry is None or expiry > now)


class Ledger(RuleBasedStateMachine):
    """Each run happens in one transaction that is rolled back at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.tenant = make_tenant("machine")
        self.context = tenant_context(self.tenant.pk)
        self.context.__enter__()
        save_programme(name="Club", expiry_days=None)
        for name, threshold in (("Member", 0), ("Silver", 100), ("Gold", 500)):
            create_tier(name=name, threshold=threshold)
        self.reward = create_reward(name="Mug", cost=25, stock=3)
        self.stock = 3
        self.members = {name: upsert_member(external_id=name, traits={})[0] for name in NAMES}
        self.models = {name: Model() for name in NAMES}
        self.events = 0
        self.redeemed: list[tuple[str, str, int]] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.context.__exit__(None, None, None)
        self.outer.__exit__(None, None, None)

    @rule(name=st.sampled_from(NAMES), points=st.integers(1, 300), days=st.integers(-2, 400), endless=st.booleans())
    def earn(self, name: str, points: int, days: int, endless: bool) -> None:
        self.events += 1
        expiry = None if endless else datetime.now(UTC) + timedelta(days=days)
        earning = Earning(self.events, self.members[name].pk, points, datetime.now(UTC), expiry)
        assert earn_points(earnings=[earning]) == points
        assert earn_points(earnings=[earning]) == 0  # once and for ever
        self.models[name].lots.append([expiry, points])
        self.models[name].lifetime += points

    @rule(name=st.sampled_from(NAMES))
    def redeem(self, name: str) -> None:
        model, key = self.models[name], f"r{len(self.redeemed)}-{self.events}-{self.stock}-{self.models[name].balance}"
        expected = model.spendable(timezone.now()) >= 25 and self.stock > 0
        try:
            redemption = redeem_reward(member=self.members[name], reward=self.reward, idempotency_key=key)
        except LoyaltyError:
            done = False
        else:
            done = True
        assert done == expected
        if done:
            self.take(model, 25)
            self.stock -= 1
            self.redeemed.append((name, key, redemption.transfer_id))

    @precondition(lambda self: self.redeemed)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        name, key, transfer = data.draw(st.sampled_from(self.redeemed))
        again = redeem_reward(member=self.members[name], reward=self.reward, idempotency_key=key)
        assert again.transfer_id == transfer

    @precondition(lambda self: self.redeemed)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name, _key, pk = data.draw(st.sampled_from(self.redeemed))
        transfer = Transfer.objects.get(pk=pk)
        known = Transfer.objects.filter(reverses=transfer).exists()
        reversal = reverse_transfer(transfer=transfer, reason="x")
        if not known:
            self.stock += 1
            for lot in Lot.objects.filter(transfer=reversal).order_by("pk"):
                self.models[name].lots.append([lot.expires_at, lot.points])
        assert reverse_transfer(transfer=transfer, reason="x").pk == reversal.pk

    @rule(name=st.sampled_from(NAMES), points=st.integers(-200, 200).filter(bool))
    def adjust(self, name: str, points: int) -> None:
        model = self.models[name]
        expected = points > 0 or model.spendable(timezone.now()) >= -points
        key = f"a{Transfer.objects.count()}-{points}"
        try:
            adjust_points(member=self.members[name], points=points, reason="x", idempotency_key=key)
        except LoyaltyError:
            done = False
        else:
            done = True
        assert done == expected
        if done and points > 0:
            model.lots.append([None, points])
        elif done:
            self.take(model, -points)

    @rule()
    def expire(self) -> None:
        now = timezone.now()
        while expire_points():
            pass
        for model in self.models.values():
            model.lots = [lot for lot in model.lots if lot[0] is None or lot[0] > now]

    def take(self, model: Model, points: int) -> None:
        now = timezone.now()
        far = datetime.max.replace(tzinfo=UTC)
        for lot in sorted(model.lots, key=lambda lot: lot[0] or far):
            if lot[0] is None or lot[0] > now:
                taken = min(points, lot[1])
                lot[1] -= taken
                points -= taken
        assert points == 0

    @invariant()
    def balances_are_those_of_the_model(self) -> None:
        for name, model in self.models.items():
            points = member_points(self.members[name])
            assert (points.points, points.lifetime_points) == (model.balance, model.lifetime)
            if points.tier is not None:
                assert points.tier.name == (
                    "Gold" if model.lifetime >= 500 else "Silver" if model.lifetime >= 100 else "Member"
                )
        total = sum(model.balance for model in self.models.values())
        assert total + sum(own_balance(kind) for kind in ("issued", "redeemed", "expired", "adjusted")) == 0
        assert Reward.objects.get(pk=self.reward.pk).stock == self.stock

    @invariant()
    def nothing_drifts(self) -> None:
        assert reconcile().drifts == []


@pytest.mark.django_db
def test_ledger_against_a_plain_model() -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
