"""The points ledger, tiers and rewards.

Owns: the programme's settings, one account per member, the append-only ledger of transfers between accounts, lots that
expire, tiers and rewards. Reacts to: trusted `purchase` events. Publishes: `urm.points.earned`, `urm.points.redeemed`,
`urm.points.adjusted`, `urm.points.expired`, `urm.tier.changed`, `urm.reward.redeemed`.

Decisions
- Points are whole numbers. Each purchase earns amount x points per currency unit, rounded down *per purchase*.
- Only trusted purchases with an amount above zero that happened inside the programme's active period earn. Refunds
  (amounts of zero or less) earn nothing and take nothing back by themselves: points are taken back by reversing the
  transfer that gave them, so that a balance never turns negative behind a member's back.
- Tiers follow lifetime points: what purchases earned, less what was reversed. Redeeming, expiry and staff's adjustments
  do not move a tier.
- Points expire a number of days after the purchase happened; lots that expire first are spent first. Points whose
  moment has come cannot be spent, even if the expiry run has not come by.
- Points given back by a reversal keep the expiry that they had, or 30 days if that has passed.
"""
