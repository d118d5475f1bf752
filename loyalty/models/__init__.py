from loyalty.models.ledger import Account, Lot, Reconciliation, Transfer
from loyalty.models.programme import Programme, Redemption, Reward, Tier, TierChange

__all__ = [
    "Account",
    "Lot",
    "Programme",
    "Reconciliation",
    "Redemption",
    "Reward",
    "Tier",
    "TierChange",
    "Transfer",
]
