"""A programme whose points, tiers and rewards have all been used at least once."""

from decimal import Decimal

from loyalty.actions import (
    adjust_points,
    award_past_purchases,
    cancel_redemption,
    create_reward,
    create_tier,
    reconcile,
    redeem_reward,
    save_programme,
)
from loyalty.models import Account
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

NAMES = {
    "en": ("Harbour Club", ("Member", "Silver", "Gold"), ("Coffee mug", "Free delivery")),
    "zh-hans": ("港湾会员", ("普通会员", "银卡会员", "金卡会员"), ("咖啡杯", "免费配送")),
}


def build(tenant: Tenant) -> None:
    name, tiers, rewards = NAMES[tenant.language]
    save_programme(name=name, points_per_unit=Decimal(10), expiry_days=200)
    for tier, threshold in zip(tiers, (0, 1500, 2500), strict=True):
        create_tier(name=tier, threshold=threshold)
    award_past_purchases()
    drain(tenant.pk)
    mug = create_reward(name=rewards[0], cost=300, stock=20, per_member_limit=2)
    create_reward(name=rewards[1], cost=150)
    members = [account.member for account in Account.objects.filter(balance__gte=700).order_by("pk")[:6]]
    redemptions = [
        redeem_reward(member=member, reward=mug, idempotency_key=f"showcase-{member.pk}")
        for member in members
        if member
    ]
    cancel_redemption(redemption=redemptions[0], reason="CRM-1042")
    for account in Account.objects.filter(kind="member").order_by("-pk")[:2]:
        assert account.member is not None
        adjust_points(member=account.member, points=50, reason="CRM-1043", idempotency_key=f"showcase-{account.pk}")
    reconcile()
    drain(tenant.pk)
