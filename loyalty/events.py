"""What loyalty writes into the log."""

from dataclasses import dataclass

from members.events import PlatformEvent


@dataclass(frozen=True, kw_only=True)
class PointsEarned(PlatformEvent):
    """Points for `purchases` purchases that came in together; the ledger has each."""

    name = "urm.points.earned"

    points: int
    purchases: int
    balance: int


@dataclass(frozen=True, kw_only=True)
class PointsRedeemed(PlatformEvent):
    name = "urm.points.redeemed"

    points: int
    balance: int


@dataclass(frozen=True, kw_only=True)
class PointsAdjusted(PlatformEvent):
    """Points given or (below zero) taken by staff, or a transfer reversed."""

    name = "urm.points.adjusted"

    points: int
    balance: int


@dataclass(frozen=True, kw_only=True)
class PointsExpired(PlatformEvent):
    name = "urm.points.expired"

    points: int
    balance: int


@dataclass(frozen=True, kw_only=True)
class TierChanged(PlatformEvent):
    """`before` and `after` are names of tiers; None where there is no tier."""

    name = "urm.tier.changed"

    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class RewardRedeemed(PlatformEvent):
    name = "urm.reward.redeemed"

    redemption_id: int
    reward_id: int
    reward: str
    points: int
