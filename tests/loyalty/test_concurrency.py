"""Redemptions from many real connections at once: exact, and never more than there is."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from loyalty.actions import (
    LoyaltyError,
    adjust_points,
    create_reward,
    expire_points,
    reconcile,
    redeem_reward,
    save_programme,
)
from loyalty.models import Account, Lot, Redemption, Reward, Transfer
from loyalty.queries import own_balance
from members.actions import upsert_member
from members.models import InboxEntry, Member
from tests.conftest import make_tenant
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

THREADS, EACH = 32, 20

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop(committed_db: None) -> Tenant:
    tenant = make_tenant("shop")
    with tenant_context(tenant.pk):
        save_programme(name="Club", expiry_days=365)
    return tenant


def in_threads(
    tenant: Tenant, work: Callable[[int, int], str], threads: int = THREADS, each: int = EACH
) -> Counter[str]:
    """Call work(thread, turn) from all threads, each with a connection of its own; counts what it returns or raises."""
    results: Counter[str] = Counter()
    lock, start = threading.Lock(), threading.Barrier(threads)

    def run(thread: int) -> None:
        found: Counter[str] = Counter()
        start.wait()
        try:
            with tenant_context(tenant.pk):
                for turn in range(each):
                    try:
                        found[work(thread, turn)] += 1
                    except LoyaltyError as error:
                        found[str(error.code)] += 1
                    except Exception as error:
                        found[f"{type(error).__name__}: {error}"] += 1
        finally:
            connection.close()
            with lock:
                results.update(found)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


def member_with(points: list[int]) -> Member:
    member = upsert_member(external_id=f"m{Member.objects.count()}", traits={})[0]
    for number, amount in enumerate(points):
        adjust_points(member=member, points=amount, reason="x", idempotency_key=f"{member.pk}-{number}")
    return member


def test_one_account_is_never_overspent(shop: Tenant) -> None:
    with tenant_context(shop.pk):
        member = member_with([7, 50, 100, 843, 9])  # 1,009 points in five lots: 100 times 10
        mug = create_reward(name="Mug", cost=10)

    def work(thread: int, turn: int) -> str:
        redeem_reward(member=member, reward=mug, idempotency_key=f"{thread}-{turn}")
        return "redeemed"

    assert in_threads(shop, work) == {"redeemed": 100, "insufficient_points": THREADS * EACH - 100}
    with tenant_context(shop.pk):
        assert Account.objects.get(member=member).balance == 9
        assert (own_balance("redeemed"), Redemption.objects.count()) == (1000, 100)
        assert sum(Lot.objects.values_list("remaining", flat=True)) == 9
        assert reconcile().drifts == []


def test_stock_and_limits_are_exact_across_members(shop: Tenant) -> None:
    with tenant_context(shop.pk):
        members = [member_with([1000]) for _ in range(8)]
        mug = create_reward(name="Mug", cost=10, stock=30, per_member_limit=5)

    def work(thread: int, turn: int) -> str:
        redeem_reward(member=members[thread % 8], reward=mug, idempotency_key=f"{thread}-{turn}")
        return "redeemed"

    results = in_threads(shop, work, threads=16, each=10)
    assert results["redeemed"] == 30
    assert results["redeemed"] + results["out_of_stock"] + results["limit_reached"] == 160
    with tenant_context(shop.pk):
        assert Reward.objects.get().stock == 0
        assert max(Counter(Redemption.objects.values_list("member_id", flat=True)).values()) <= 5
        assert reconcile().drifts == []


def test_one_key_from_many_threads_is_one_redemption(shop: Tenant) -> None:
    with tenant_context(shop.pk):
        member = member_with([1000])
        mug = create_reward(name="Mug", cost=10)

    def work(thread: int, turn: int) -> str:
        return str(redeem_reward(member=member, reward=mug, idempotency_key="the one").pk)

    results = in_threads(shop, work, threads=32, each=2)
    with tenant_context(shop.pk):
        redemption = Redemption.objects.get()
        assert results == {str(redemption.pk): 64}
        assert Account.objects.get(member=member).balance == 990
        assert InboxEntry.objects.filter(body__contains="urm.reward.redeemed").count() == 1


def test_spending_and_expiring_at_once_take_each_point_once(shop: Tenant) -> None:
    with tenant_context(shop.pk):
        member = member_with([20] * 40)
        mug = create_reward(name="Mug", cost=10)
        due = list(Lot.objects.order_by("pk").values_list("pk", flat=True))[:20]

    def work(thread: int, turn: int) -> str:
        if thread % 4 == 0:
            # Lots run out while others spend: their moment is moved to the past, two at a time.
            Lot.objects.filter(pk__in=due[turn : turn + 1]).update(expires_at="2020-01-01T00:00:00Z")
            expire_points()
            return "expiry run"
        redeem_reward(member=member, reward=mug, idempotency_key=f"{thread}-{turn}")
        return "redeemed"

    results = in_threads(shop, work, threads=8, each=20)
    assert set(results) <= {"expiry run", "redeemed", "insufficient_points"}
    with tenant_context(shop.pk):
        balance = Account.objects.get(member=member).balance or 0
        assert balance + own_balance("redeemed") + own_balance("expired") == 800
        assert own_balance("redeemed") == 10 * results["redeemed"]
        assert Transfer.objects.filter(kind="expire").count() == len(
            set(Transfer.objects.filter(kind="expire").values_list("idempotency_key", flat=True))
        )
        assert reconcile().drifts == []
