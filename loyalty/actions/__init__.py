from loyalty.actions.earning import Earning, award_past_purchases, earn_points
from loyalty.actions.expiry import expire_points
from loyalty.actions.ledger import LoyaltyError, adjust_points, reverse_transfer
from loyalty.actions.programme import (
    create_reward,
    create_tier,
    delete_tier,
    save_programme,
    update_reward,
    update_tier,
)
from loyalty.actions.reconciliation import reconcile
from loyalty.actions.rewards import cancel_redemption, redeem_reward
from loyalty.actions.tiers import refresh_tiers

__all__ = [
    "Earning",
    "LoyaltyError",
    "adjust_points",
    "award_past_purchases",
    "cancel_redemption",
    "create_reward",
    "create_tier",
    "delete_tier",
    "earn_points",
    "expire_points",
    "reconcile",
    "redeem_reward",
    "refresh_tiers",
    "reverse_transfer",
    "save_programme",
    "update_reward",
    "update_tier",
]
