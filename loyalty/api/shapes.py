"""What the API takes and gives."""

from typing import Any

from rest_framework import serializers

from loyalty.models import Redemption, Reward, Transfer


class TierOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    threshold = serializers.IntegerField(help_text="Lifetime points from which a member is in the tier.")


class LoyaltyOut(serializers.Serializer[Any]):
    points = serializers.IntegerField(help_text="What the member can spend.")
    lifetime_points = serializers.IntegerField(help_text="Earned by purchases, less what was reversed.")
    expiring_in_30d = serializers.IntegerField(help_text="Unspent points that expire within 30 days.")
    tier = TierOut(allow_null=True)
    tier_since = serializers.DateTimeField(allow_null=True)
    next_tier = TierOut(allow_null=True)
    points_to_next_tier = serializers.IntegerField(allow_null=True)


class TransferOut(serializers.Serializer[Transfer]):
    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="earn, redeem, expire, adjust or reverse.")
    points = serializers.IntegerField(
        source="member_points", help_text="Above zero where the member got them, below where they gave."
    )
    reason = serializers.CharField()
    reverses = serializers.IntegerField(source="reverses_id", allow_null=True, help_text="Id of what it corrects.")
    occurred_at = serializers.DateTimeField()
    booked_at = serializers.DateTimeField(source="created_at")


class RewardOut(serializers.Serializer[Reward]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    cost = serializers.IntegerField(help_text="In points.")
    stock = serializers.IntegerField(allow_null=True, help_text="How many are left; null: unlimited.")
    per_member_limit = serializers.IntegerField(allow_null=True)
    active = serializers.BooleanField()


class RedemptionIn(serializers.Serializer[Any]):
    reward_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class RedemptionOut(serializers.Serializer[Redemption]):
    id = serializers.IntegerField()
    reward_id = serializers.IntegerField()
    reward = serializers.CharField(source="reward.name")
    points = serializers.IntegerField()
    redeemed_at = serializers.DateTimeField()
    cancelled_at = serializers.DateTimeField(allow_null=True)


LOYALTY_EXAMPLE = {
    "points": 1240,
    "lifetime_points": 5620,
    "expiring_in_30d": 80,
    "tier": {"name": "Gold", "threshold": 5000},
    "tier_since": "2026-02-01T09:30:00Z",
    "next_tier": None,
    "points_to_next_tier": None,
}
TRANSFER_EXAMPLE = {
    "id": 41,
    "kind": "earn",
    "points": 25,
    "reason": "",
    "reverses": None,
    "occurred_at": "2026-03-01T09:30:00Z",
    "booked_at": "2026-03-01T09:30:01Z",
}
REWARD_EXAMPLE = {
    "id": 3,
    "name": "Mug",
    "description": "",
    "cost": 500,
    "stock": 20,
    "per_member_limit": 1,
    "active": True,
}
REDEMPTION_EXAMPLE = {
    "id": 7,
    "reward_id": 3,
    "reward": "Mug",
    "points": 500,
    "redeemed_at": "2026-03-01T09:30:00Z",
    "cancelled_at": None,
}
