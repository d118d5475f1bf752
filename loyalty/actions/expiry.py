"""Taking points whose time is over."""

from collections import defaultdict

from django.db import transaction
from django.utils import timezone

from loyalty.actions.ledger import body_hash, lock_accounts, run
from loyalty.events import PointsExpired
from loyalty.models import Lot
from members.actions import emit, mark_dirty

# The accounts are locked: what a lot holds now is what expires.
_EXPIRE = """
WITH due AS (
    SELECT l.id, l.account_id, l.remaining, g.hash, l.expires_at
    FROM unnest(%(lots)s::bigint[], %(hashes)s::bytea[]) AS g (id, hash)
    JOIN loyalty_lot l ON l.tenant_id = {tenant} AND l.id = g.id
    WHERE l.is_open
), emptied AS (
    UPDATE loyalty_lot l SET remaining = 0 FROM due d WHERE l.tenant_id = {tenant} AND l.id = d.id
), posted AS (
    INSERT INTO loyalty_transfer (tenant_id, debit_account_id, credit_account_id, amount, kind, idempotency_key,
                                  body_hash, reason, lot_ids, lot_points, occurred_at, created_at)
    SELECT {tenant}, d.account_id, e.id, d.remaining, 'expire', 'expire:' || d.id, d.hash, '', ARRAY[d.id],
           ARRAY[d.remaining], d.expires_at, %(now)s
    FROM due d JOIN loyalty_account e ON e.tenant_id = {tenant} AND e.kind = 'expired'
    ON CONFLICT DO NOTHING
), sums AS (
    SELECT account_id, sum(remaining)::bigint AS points FROM due GROUP BY 1
)
UPDATE loyalty_account a SET balance = a.balance - s.points FROM sums s
WHERE a.tenant_id = {tenant} AND a.id = s.account_id
RETURNING a.member_id, s.points, a.balance
"""


def expire_points(*, limit: int = 2000) -> int:
    """Expire up to `limit` lots that are due; returns how many were looked at."""
    now = timezone.now()
    due = list(
        Lot.objects.filter(is_open=True, expires_at__lte=now)
        .order_by("expires_at")
        .values_list("pk", "account__member_id")[:limit]
    )
    if not due:
        return 0
    with transaction.atomic():
        members: defaultdict[int, list[int]] = defaultdict(list)
        for lot, member in due:
            assert member is not None  # only members have lots
            members[member].append(lot)
        lock_accounts(sorted(members))
        lots = [lot for lot, _member in due]
        expired = run(_EXPIRE, lots=lots, hashes=[body_hash("expire", lot) for lot in lots], now=now)
        emit(PointsExpired(member_id=member, points=points, balance=balance) for member, points, balance in expired)
        mark_dirty([member for member, _points, _balance in expired])
    return len(due)
