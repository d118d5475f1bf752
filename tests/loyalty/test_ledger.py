"""Redeeming, expiring, adjusting, reversing — each exactly once and never below zero."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from loyalty.actions import (
    LoyaltyError,
    adjust_points,
    cancel_redemption,
    create_reward,
    expire_points,
    reconcile,
    redeem_reward,
    reverse_transfer,
    save_programme,
    update_reward,
)
from loyalty.models import Account, Lot, Programme, Reconciliation, Redemption, Reward, Transfer
from loyalty.queries import accounts, member_points, next_expiry, own_balance, totals
from members.actions import upsert_member
from members.models import DirtyMember, InboxEntry, Member
from urm.audit.models import AuditEntry
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, Wakeup
from urm.tenancy.work import drain


@pytest.fixture
def mug(in_acme: Tenant) -> Reward:
    return create_reward(name="Mug", cost=30)


def balance(member: Member) -> int:
    return member_points(member).points


def lots(member: Member) -> list[tuple[int, int]]:
    return list(Lot.objects.filter(account__member=member).order_by("pk").values_list("points", "remaining"))


def test_redeem_takes_what_expires_first(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None]
) -> None:
    now = timezone.now()
    buy("ada", 10, occurred_at=(now - timedelta(days=10)).isoformat())
    buy("ada", 10, occurred_at=(now - timedelta(days=200)).isoformat())
    redemption = redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    assert (redemption.points, balance(ada)) == (30, 10)
    assert lots(ada) == [(20, 10), (20, 0)]
    assert redemption.transfer.lot_points == [20, 10]
    assert own_balance("redeemed") == 30
    assert reconcile().drifts == []


def test_redeem_tells_the_log_and_marks_dirty(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None]
) -> None:
    buy("ada", 50)
    InboxEntry.objects.all().delete()
    DirtyMember.objects.all().delete()
    redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    [entry] = InboxEntry.objects.all()
    assert [name for name in ("urm.points.redeemed", "urm.reward.redeemed") if name in entry.body] == [
        "urm.points.redeemed",
        "urm.reward.redeemed",
    ]
    assert list(DirtyMember.objects.values_list("member_id", flat=True)) == [ada.pk]


def test_redeem_with_the_same_key_is_one_redemption(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None]
) -> None:
    buy("ada", 20)
    first = redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    again = redeem_reward(member=ada, reward=mug, idempotency_key="r1")  # though only 10 points are left
    assert (again.pk, balance(ada), Redemption.objects.count()) == (first.pk, 10, 1)


def test_redeem_with_the_same_key_and_another_body_is_refused(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None]
) -> None:
    buy("ada", 100)
    redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    cap = create_reward(name="Cap", cost=5)
    with pytest.raises(LoyaltyError) as caught:
        redeem_reward(member=ada, reward=cap, idempotency_key="r1")
    assert (caught.value.code, balance(ada)) == ("idempotency_key_reused", 170)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cost": 201}, "insufficient_points"),
        ({"stock": 0}, "out_of_stock"),
        ({"active": False}, "reward_unavailable"),
    ],
)
def test_refused_redemption_leaves_no_trace(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None], change: dict[str, object], code: str
) -> None:
    buy("ada", 100)
    update_reward(reward=mug, **change)
    with pytest.raises(LoyaltyError) as caught:
        redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    assert caught.value.code == code
    assert (balance(ada), Redemption.objects.count(), Transfer.objects.count()) == (200, 0, 1)
    assert reconcile().drifts == []


def test_limit_per_member_counts_what_was_not_cancelled(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None]
) -> None:
    buy("ada", 100)
    update_reward(reward=mug, per_member_limit=1, stock=5)
    first = redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    with pytest.raises(LoyaltyError) as caught:
        redeem_reward(member=ada, reward=mug, idempotency_key="r2")
    assert caught.value.code == "limit_reached"
    cancel_redemption(redemption=first, reason="broken")
    redeem_reward(member=ada, reward=mug, idempotency_key="r3")
    mug.refresh_from_db()
    assert (mug.stock, balance(ada)) == (4, 170)


def test_cancelling_twice_gives_back_once(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None]
) -> None:
    buy("ada", 20)
    update_reward(reward=mug, stock=1)
    redemption = redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    first = cancel_redemption(redemption=redemption, reason="broken")
    assert cancel_redemption(redemption=redemption, reason="broken").pk == first.pk
    mug.refresh_from_db()
    assert (balance(ada), mug.stock, own_balance("redeemed")) == (40, 1, 0)
    assert lots(ada) == [(40, 10), (30, 30)]
    assert reconcile().drifts == []


def test_points_past_their_time_cannot_be_spent_before_the_expiry_run(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None]
) -> None:
    buy("ada", 100, occurred_at=(timezone.now() - timedelta(days=365, seconds=1)).isoformat())
    assert balance(ada) == 200
    with pytest.raises(LoyaltyError) as caught:
        redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    assert (caught.value.code, balance(ada)) == ("insufficient_points", 200)


def test_expiry_takes_what_is_due_and_sets_its_alarm(
    programme: Programme, ada: Member, buy: Callable[..., None], in_acme: Tenant
) -> None:
    now = timezone.now()
    buy("ada", 10, occurred_at=(now - timedelta(days=400)).isoformat())
    buy("ada", 25, occurred_at=(now - timedelta(days=300)).isoformat())
    drain(in_acme.pk, names=["loyalty.expire"])
    assert (balance(ada), own_balance("expired")) == (50, 20)
    assert next_expiry() == now - timedelta(days=300) + timedelta(days=365)
    assert Wakeup.objects.get(work="loyalty.expire").due_at == next_expiry()
    assert expire_points() == 0
    assert reconcile().drifts == []
    # What expired is gone from lifetime figures no more than what was spent.
    assert member_points(ada).lifetime_points == 70


def test_expiring_in_30_days_counts_open_lots(programme: Programme, ada: Member, buy: Callable[..., None]) -> None:
    now = timezone.now()
    buy("ada", 10, occurred_at=(now - timedelta(days=340)).isoformat())
    buy("ada", 10, occurred_at=(now - timedelta(days=330)).isoformat())
    assert member_points(ada).expiring_in_30d == 20


def test_adjust_gives_and_takes_without_touching_lifetime_points(programme: Programme, ada: Member) -> None:
    adjust_points(member=ada, points=100, reason="sorry for the delay", idempotency_key="a1")
    adjust_points(member=ada, points=-40, reason="typed one nought too many", idempotency_key="a2")
    adjust_points(member=ada, points=-40, reason="typed one nought too many", idempotency_key="a2")
    points = member_points(ada)
    assert (points.points, points.lifetime_points, totals().adjusted) == (60, 0, 60)
    assert points.tier is not None
    assert [entry.after["points"] for entry in AuditEntry.objects.filter(verb="loyalty.adjust").order_by("pk")] == [
        100,
        -40,
    ]
    assert reconcile().drifts == []


@pytest.mark.parametrize(
    ("points", "reason", "field"), [(0, "x", "points"), (10**9 + 1, "x", "points"), (5, " ", "reason")]
)
def test_adjust_refuses(programme: Programme, ada: Member, points: int, reason: str, field: str) -> None:
    with pytest.raises(LoyaltyError) as caught:
        adjust_points(member=ada, points=points, reason=reason, idempotency_key="a")
    assert caught.value.field == field


def test_adjust_never_overdraws(programme: Programme, ada: Member) -> None:
    adjust_points(member=ada, points=10, reason="x", idempotency_key="a1")
    with pytest.raises(LoyaltyError) as caught:
        adjust_points(member=ada, points=-11, reason="x", idempotency_key="a2")
    assert (caught.value.code, balance(ada)) == ("insufficient_points", 10)


def test_reversal_takes_its_own_lot_first_and_cannot_be_reversed(
    programme: Programme, ada: Member, buy: Callable[..., None]
) -> None:
    buy("ada", 10)
    buy("ada", 20)
    second = Transfer.objects.order_by("-pk").first()
    assert second is not None
    reversal = reverse_transfer(transfer=second, reason="returned")
    assert lots(ada) == [(20, 20), (40, 0)]
    with pytest.raises(LoyaltyError):
        reverse_transfer(transfer=reversal, reason="oops")


def test_reversal_of_spent_points_is_refused(
    programme: Programme, ada: Member, mug: Reward, buy: Callable[..., None]
) -> None:
    buy("ada", 20)
    redeem_reward(member=ada, reward=mug, idempotency_key="r1")
    with pytest.raises(LoyaltyError) as caught:
        reverse_transfer(transfer=Transfer.objects.get(kind="earn"), reason="returned")
    assert (caught.value.code, balance(ada)) == ("insufficient_points", 10)


def test_returned_points_of_an_expired_lot_live_30_days(
    programme: Programme, ada: Member, buy: Callable[..., None]
) -> None:
    buy("ada", 10, occurred_at=(timezone.now() - timedelta(days=400)).isoformat())
    expire_points()
    reverse_transfer(transfer=Transfer.objects.get(kind="expire"), reason="goodwill")
    lot = Lot.objects.order_by("-pk").first()
    assert lot is not None
    assert lot.expires_at is not None
    assert timedelta(days=29, hours=23) < lot.expires_at - timezone.now() <= timedelta(days=30)
    assert (balance(ada), expire_points()) == (20, 0)
    assert reconcile().drifts == []


@pytest.mark.parametrize("table", ["loyalty_transfer", "loyalty_tierchange"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_ledger_cannot_be_changed(in_acme: Tenant, table: str, statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as db:
        db.execute(statement.format(table))


def test_reconciliation_finds_drift(programme: Programme, ada: Member, buy: Callable[..., None]) -> None:
    buy("ada", 10)
    Account.objects.filter(member=ada).update(balance=21)
    [drift] = reconcile().drifts
    assert (drift["balance"], drift["ledger"], drift["lots"]) == (21, 20, 20)


def test_reconciliation_runs_once_a_night(programme: Programme, in_acme: Tenant) -> None:
    drain(in_acme.pk, names=["loyalty.reconcile"])
    drain(in_acme.pk, names=["loyalty.reconcile"])
    assert Reconciliation.objects.count() == 1
    assert Wakeup.objects.get(work="loyalty.reconcile").due_at > timezone.now()


def test_another_workspace_sees_and_spends_nothing(acme: Tenant, globex: Tenant) -> None:
    with tenant_context(acme.pk):
        save_programme(name="Club")
        ada = upsert_member(external_id="ada", traits={})[0]
        adjust_points(member=ada, points=100, reason="x", idempotency_key="same")
        mug = create_reward(name="Mug", cost=30)
    with tenant_context(globex.pk):
        other = upsert_member(external_id="ada", traits={})[0]
        assert accounts().count() == 0
        assert own_balance("adjusted") == 0
        adjust_points(member=other, points=70, reason="x", idempotency_key="same")
        with pytest.raises(Reward.DoesNotExist):
            redeem_reward(member=other, reward=mug, idempotency_key="r")
        with pytest.raises(IntegrityError):  # the composite foreign key: no account here for a member from there
            adjust_points(member=ada, points=-1, reason="x", idempotency_key="theirs")
    with tenant_context(acme.pk):
        assert balance(ada) == 100
