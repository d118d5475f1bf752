"""Points follow merges, un-merges and deleted events; the ledger always adds up."""

from collections.abc import Callable

import pytest

from loyalty.actions import adjust_points, create_reward, reconcile, redeem_reward, reverse_transfer
from loyalty.models import Account, Programme, Transfer
from loyalty.queries import member_points, redemptions_of, transfers_of
from members.actions import correct_event, delete_event, merge_members, unmerge_members, upsert_member
from members.consumers import replay
from members.consumers.log import BEGINNING
from members.models import Member, MemberMerge, ParkedEvent
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

Buy = Callable[..., None]


@pytest.fixture
def bob(ada: Member) -> Member:
    return upsert_member(external_id="bob", traits={})[0]


def settle(tenant: Tenant) -> None:
    drain(tenant.pk, names=["stream"])
    assert reconcile().drifts == []


def points(member: Member) -> tuple[int, int, str]:
    has = member_points(member)
    return has.points, has.lifetime_points, has.tier.name if has.tier else "–"


def merged(tenant: Tenant, survivor: Member, other: Member) -> MemberMerge:
    merge = merge_members(survivor=survivor, other=other)
    settle(tenant)
    return merge


def unmerged(tenant: Tenant, merge: MemberMerge) -> None:
    unmerge_members(merge=merge)
    settle(tenant)


def test_points_and_tier_follow_a_merge_and_come_back(
    in_acme: Tenant, programme: Programme, ada: Member, bob: Member, buy: Buy
) -> None:
    buy("ada", 300)
    buy("bob", 400)
    merge = merged(in_acme, ada, bob)
    assert (points(ada), points(bob)) == ((1400, 1400, "Silver"), (0, 0, "–"))
    assert [transfer.amount for transfer in transfers_of(ada)] == [800, 600]
    unmerged(in_acme, merge)
    assert (points(ada), points(bob)) == ((600, 600, "Member"), (800, 800, "Member"))


def test_points_earned_by_the_others_own_ids_go_back_with_it(
    in_acme: Tenant, programme: Programme, ada: Member, bob: Member, buy: Buy
) -> None:
    merge = merged(in_acme, ada, bob)
    buy("bob", 10)
    buy("ada", 5)
    assert points(ada)[:2] == (30, 30)
    unmerged(in_acme, merge)
    assert (points(ada)[:2], points(bob)[:2]) == ((10, 10), (20, 20))


def test_spent_points_do_not_come_back(
    in_acme: Tenant, programme: Programme, ada: Member, bob: Member, buy: Buy
) -> None:
    buy("bob", 50)
    merge = merged(in_acme, ada, bob)
    redeem_reward(member=ada, reward=create_reward(name="Mug", cost=70), idempotency_key="1")
    unmerged(in_acme, merge)
    assert (points(ada)[:2], points(bob)[:2]) == ((0, 0), (30, 100))


def test_a_merge_read_twice_moves_points_once(
    in_acme: Tenant, programme: Programme, ada: Member, bob: Member, buy: Buy
) -> None:
    buy("bob", 50)
    merge = merged(in_acme, ada, bob)
    replay("loyalty.earn", since=BEGINNING)
    settle(in_acme)
    assert points(ada)[:2] == (100, 100)
    unmerged(in_acme, merge)
    replay("loyalty.earn", since=BEGINNING)
    settle(in_acme)
    assert (points(ada)[:2], points(bob)[:2]) == ((0, 0), (100, 100))


def test_reversal_after_a_merge_takes_from_the_survivor_and_is_the_others_loss(
    in_acme: Tenant, programme: Programme, ada: Member, bob: Member, buy: Buy
) -> None:
    buy("ada", 50)
    buy("bob", 50)
    buy("bob", 5)
    merge = merged(in_acme, ada, bob)
    reverse_transfer(transfer=Transfer.objects.get(amount=10), reason="returned")
    assert points(ada)[:2] == (200, 200)
    unmerged(in_acme, merge)
    assert (points(ada)[:2], points(bob)[:2]) == ((100, 100), (100, 100))


def test_redemptions_count_together_against_the_limit(
    in_acme: Tenant, programme: Programme, ada: Member, bob: Member
) -> None:
    mug = create_reward(name="Mug", cost=1, per_member_limit=1)
    for member in (ada, bob):
        adjust_points(member=member, points=5, reason="welcome", idempotency_key=str(member))
    redemption = redeem_reward(member=bob, reward=mug, idempotency_key="1")
    merged(in_acme, ada, bob)
    assert list(redemptions_of(ada)) == [redemption]
    with pytest.raises(Exception, match="as often as allowed"):
        redeem_reward(member=ada, reward=mug, idempotency_key="2")


def test_deleted_purchase_takes_its_points_back(in_acme: Tenant, programme: Programme, ada: Member, buy: Buy) -> None:
    buy("ada", 50, event_id="o-1")
    buy("ada", 20, event_id="o-2")
    delete_event(event_id="o-1")
    settle(in_acme)
    assert points(ada)[:2] == (40, 40)


def test_corrected_purchase_earns_what_it_should_have(
    in_acme: Tenant, programme: Programme, ada: Member, buy: Buy
) -> None:
    buy("ada", 50, event_id="o-1")
    correct_event(event_id="o-1", event={"name": "purchase", "external_id": "ada", "amount": 30})
    settle(in_acme)
    assert points(ada)[:2] == (60, 60)


def test_deleted_purchase_whose_points_are_spent_is_parked_for_staff(
    in_acme: Tenant, programme: Programme, ada: Member, buy: Buy
) -> None:
    buy("ada", 50, event_id="o-1")
    redeem_reward(member=ada, reward=create_reward(name="Mug", cost=70), idempotency_key="1")
    delete_event(event_id="o-1")
    settle(in_acme)
    assert points(ada)[:2] == (30, 100)
    assert "too few points" in ParkedEvent.objects.get(consumer="loyalty.earn").reason


def test_accounts_of_merged_members_have_no_tier_and_are_not_listed(
    in_acme: Tenant, programme: Programme, ada: Member, bob: Member, buy: Buy
) -> None:
    buy("bob", 50)
    merged(in_acme, ada, bob)
    assert Account.objects.get(member=bob).tier is None
