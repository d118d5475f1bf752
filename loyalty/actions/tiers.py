"""Putting members into the tier that their lifetime points reach."""

from django.db import connection, transaction

from loyalty.events import TierChanged
from loyalty.models import Account, Tier, TierChange
from members.actions import emit, mark_dirty
from urm.tenancy.context import require_tenant

BATCH = 5000

_MOVE = """
WITH due AS (
    SELECT a.id, a.tier_id AS before,
           (SELECT t.id FROM loyalty_tier t WHERE t.tenant_id = {tenant} AND t.threshold <= a.lifetime_points
            ORDER BY t.threshold DESC LIMIT 1) AS after
    FROM loyalty_account a
    WHERE a.tenant_id = {tenant} AND a.kind = 'member' AND a.id = ANY (%(accounts)s)
      AND NOT EXISTS (SELECT FROM members_member m
                      WHERE m.tenant_id = {tenant} AND m.id = a.member_id AND m.merged_into_id IS NOT NULL)
    ORDER BY a.id FOR UPDATE
)
UPDATE loyalty_account a SET tier_id = d.after, tier_since = now() FROM due d
WHERE a.tenant_id = {tenant} AND a.id = d.id AND d.before IS DISTINCT FROM d.after
RETURNING a.id, a.member_id, d.before, d.after, a.lifetime_points
"""


def move_tiers(account_ids: list[int]) -> int:
    """Look at these accounts' tiers again; returns how many moved. Their history is kept and the log told."""
    with transaction.atomic(), connection.cursor() as db:
        db.execute(_MOVE.format(tenant=require_tenant()), {"accounts": account_ids})
        moved = db.fetchall()
        if not moved:
            return 0
        names: dict[int | None, str | None] = {None: None, **dict(Tier.objects.values_list("pk", "name"))}
        TierChange.objects.bulk_create(
            [
                TierChange(account_id=pk, before=names[before], after=names[after], lifetime_points=lifetime)
                for pk, _member, before, after, lifetime in moved
            ]
        )
        emit(
            TierChanged(member_id=member, before=names[before], after=names[after])
            for _pk, member, before, after, _lifetime in moved
        )
        mark_dirty([member for _pk, member, *_rest in moved])
    return len(moved)


def refresh_tiers(*, after: int = 0) -> int | None:
    """Look again at one batch of accounts behind id `after`, as when tiers were edited; the last id looked at, or None
    when there are no more."""
    ids = list(
        Account.objects.filter(kind=Account.Kind.MEMBER, pk__gt=after)
        .order_by("pk")
        .values_list("pk", flat=True)[:BATCH]
    )
    if not ids:
        return None
    move_tiers(ids)
    return ids[-1]
