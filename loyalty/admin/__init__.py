"""Points in the admin: programme, tiers, rewards, accounts, ledger; panels for home and the member's page."""

from loyalty.admin import accounts, panels, programme, rewards, transfers

__all__ = ["accounts", "panels", "programme", "rewards", "transfers"]
