"""The points ledger, tiers and rewards."""
