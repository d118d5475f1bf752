"""Purchases become points, each once; tiers follow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from loyalty.actions import award_past_purchases, reconcile, reverse_transfer, save_programme, update_tier
from loyalty.models import Account, Lot, Programme, Tier, TierChange, Transfer
from loyalty.queries import member_points, own_balance
from members.actions import upsert_member
from members.consumers import replay
from members.models import Event, EventName, Member
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


def logged(member: Member, name: str) -> list[dict[str, object]]:
    known = EventName.objects.filter(name=name).values_list("pk", flat=True).first() or 0
    events = Event.objects.filter(member_id=member.pk, name_id=known).order_by("received_at", "id")
    return list(events.values_list("properties", flat=True))


def test_purchase_earns_points_rounded_down(programme: Programme, ada: Member, buy: Callable[..., None]) -> None:
    buy("ada", "12.74")
    buy("ada", "0.49")
    points = member_points(ada)
    assert (points.points, points.lifetime_points) == (25, 25)
    assert points.tier is not None
    assert points.tier.name == "Member"
    assert logged(ada, "urm.points.earned") == [{"points": 25, "purchases": 1, "balance": 25}]
    assert own_balance("issued") == -25


@pytest.mark.parametrize("amount", [0, "-5", "-0.01", None])
def test_refund_earns_and_takes_nothing(
    programme: Programme, ada: Member, buy: Callable[..., None], amount: object
) -> None:
    buy("ada", 10)
    buy("ada", amount)
    assert member_points(ada).points == 20
    assert Transfer.objects.count() == 1


def test_untrusted_purchase_earns_nothing(programme: Programme, ada: Member, buy: Callable[..., None]) -> None:
    buy("ada", 100, trusted=False)
    assert not Transfer.objects.exists()


def test_purchase_counts_by_when_it_happened(ada: Member, buy: Callable[..., None]) -> None:
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    save_programme(name="Club", points_per_unit=Decimal(1), starts_at=start, ends_at=end)
    for moment in (start - timedelta(seconds=1), start, end - timedelta(seconds=1), end):
        buy("ada", 10, occurred_at=moment.isoformat())
    assert list(Transfer.objects.order_by("occurred_at").values_list("occurred_at", flat=True)) == [
        start,
        end - timedelta(seconds=1),
    ]


def test_replay_changes_nothing(programme: Programme, ada: Member, buy: Callable[..., None], in_acme: Tenant) -> None:
    for amount in (10, 600, 3):
        buy("ada", amount)
    before = (list(Transfer.objects.values()), list(Account.objects.values()), list(Lot.objects.values()))
    events = Event.objects.count()
    save_programme(points_per_unit=Decimal(9))  # what is booked stays booked
    replay("loyalty.earn", since=datetime(1970, 1, 1, tzinfo=UTC))
    drain(in_acme.pk, names=["stream"])
    after = (list(Transfer.objects.values()), list(Account.objects.values()), list(Lot.objects.values()))
    assert after == before
    assert Event.objects.count() == events


def test_past_purchases_are_awarded_when_asked(ada: Member, buy: Callable[..., None], in_acme: Tenant) -> None:
    buy("ada", 40)
    save_programme(name="Club", points_per_unit=Decimal(1))
    drain(in_acme.pk, names=["stream"])
    assert member_points(ada).points == 0
    award_past_purchases()
    drain(in_acme.pk, names=["stream"])
    assert member_points(ada).points == 40


def test_tier_follows_lifetime_points_with_history(programme: Programme, ada: Member, buy: Callable[..., None]) -> None:
    buy("ada", 499.5)
    buy("ada", 0.5)
    buy("ada", 2500)
    assert list(TierChange.objects.order_by("pk").values_list("before", "after", "lifetime_points")) == [
        (None, "Member", 999),
        ("Member", "Silver", 1000),
        ("Silver", "Gold", 6000),
    ]
    assert logged(ada, "urm.tier.changed") == [
        {"before": None, "after": "Member"},
        {"before": "Member", "after": "Silver"},
        {"before": "Silver", "after": "Gold"},
    ]
    assert member_points(ada).next_tier is None


def test_tier_falls_when_its_purchase_is_reversed(programme: Programme, ada: Member, buy: Callable[..., None]) -> None:
    buy("ada", 500)
    reverse_transfer(transfer=Transfer.objects.get(), reason="goods came back")
    points = member_points(ada)
    assert points.tier is not None
    assert (points.points, points.lifetime_points, points.tier.name) == (0, 0, "Member")
    assert points.points_to_next_tier == 1000
    assert reconcile().drifts == []


def test_edited_tier_moves_members(
    programme: Programme, ada: Member, buy: Callable[..., None], in_acme: Tenant
) -> None:
    buy("ada", 100)
    update_tier(tier=Tier.objects.get(name="Silver"), threshold=200)
    drain(in_acme.pk, names=["loyalty.tiers"])
    points = member_points(ada)
    assert points.tier is not None
    assert points.tier.name == "Silver"


def test_earning_many_at_once_is_one_transfer_each(
    programme: Programme, buy: Callable[..., None], in_acme: Tenant
) -> None:
    for number in range(5):
        upsert_member(external_id=f"m{number}", traits={})
        buy(f"m{number}", number + 1)
        buy(f"m{number}", 100)
    balances = list(Account.objects.filter(kind="member").order_by("member_id").values_list("balance", flat=True))
    assert balances == [202, 204, 206, 208, 210]
    assert Transfer.objects.count() == 10
    assert reconcile().drifts == []


def test_expiry_counts_from_the_purchase(programme: Programme, ada: Member, buy: Callable[..., None]) -> None:
    moment = timezone.now() - timedelta(days=100)
    buy("ada", 1, occurred_at=moment.isoformat())
    assert Lot.objects.get().expires_at == moment + timedelta(days=365)
