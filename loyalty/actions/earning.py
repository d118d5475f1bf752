"""Points for purchases, set-based."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from loyalty.actions.ledger import body_hash, lock_accounts, run, wake_for_expiry
from loyalty.actions.tiers import move_tiers
from loyalty.events import PointsEarned
from loyalty.models import Programme
from members.actions import emit, mark_dirty
from members.consumers import replay
from urm.audit.actions import record
from urm.tenancy.work import wake

EARNING_CONSUMER = "loyalty.earn"


@dataclass(frozen=True, slots=True)
class Earning:
    """Points for one event of the log, whose id makes them once and for ever."""

    event_id: int
    member_id: int
    points: int
    occurred_at: datetime
    expires_at: datetime | None


# One transfer and one lot an event; what the ledger has already is left as it is, also when rates have changed since.
_EARN = """
WITH given AS (
    SELECT * FROM unnest(%(events)s::bigint[], %(members)s::bigint[], %(points)s::bigint[], %(moments)s::timestamptz[],
                         %(expiries)s::timestamptz[], %(hashes)s::bytea[])
        AS g (event_id, member_id, points, occurred_at, expires_at, hash)
), posted AS (
    INSERT INTO loyalty_transfer (tenant_id, debit_account_id, credit_account_id, amount, kind, idempotency_key,
                                  body_hash, reason, event_id, lot_ids, lot_points, occurred_at,
                                  created_at)
    SELECT {tenant}, i.id, a.id, g.points, 'earn', 'event:' || g.event_id, g.hash, '', g.event_id, '{{}}', '{{}}',
           g.occurred_at, now()
    FROM given g
    JOIN loyalty_account a ON a.tenant_id = {tenant} AND a.member_id = g.member_id
    JOIN loyalty_account i ON i.tenant_id = {tenant} AND i.kind = 'issued'
    ON CONFLICT DO NOTHING RETURNING id, credit_account_id, amount, event_id
), lots AS (
    INSERT INTO loyalty_lot (tenant_id, account_id, transfer_id, points, remaining, expires_at)
    SELECT {tenant}, p.credit_account_id, p.id, p.amount, p.amount, g.expires_at
    FROM posted p JOIN given g ON g.event_id = p.event_id ON CONFLICT DO NOTHING
), sums AS (
    SELECT credit_account_id, sum(amount)::bigint AS points, count(*) AS purchases FROM posted GROUP BY 1
)
UPDATE loyalty_account a SET balance = a.balance + s.points, lifetime_points = a.lifetime_points + s.points
FROM sums s WHERE a.tenant_id = {tenant} AND a.id = s.credit_account_id
RETURNING a.id, a.member_id, s.points, s.purchases, a.balance
"""


def earn_points(*, earnings: Sequence[Earning]) -> int:
    """Book points for events, each once; returns how many points were new."""
    if not earnings:
        return 0
    with transaction.atomic():
        lock_accounts(sorted({earning.member_id for earning in earnings}))
        booked = run(
            _EARN,
            events=[earning.event_id for earning in earnings],
            members=[earning.member_id for earning in earnings],
            points=[earning.points for earning in earnings],
            moments=[earning.occurred_at for earning in earnings],
            expiries=[earning.expires_at for earning in earnings],
            hashes=[body_hash("earn", earning.event_id) for earning in earnings],
        )
        if not booked:
            return 0
        emit(
            PointsEarned(member_id=member, points=points, purchases=purchases, balance=balance)
            for _pk, member, points, purchases, balance in booked
        )
        mark_dirty([member for _pk, member, *_rest in booked])
        move_tiers([pk for pk, *_rest in booked])
        expiries = [earning.expires_at for earning in earnings if earning.expires_at]
        if expiries:
            wake_for_expiry(min(expiries))
    return sum(Counter({pk: points for pk, _member, points, *_rest in booked}).values())


def award_past_purchases() -> None:
    """Read the whole log again for purchases inside the active period; what has its points already gets no more."""
    programme = Programme.objects.get()
    with transaction.atomic():
        replay(EARNING_CONSUMER, since=datetime(1970, 1, 1, tzinfo=UTC))
        record(verb="loyalty.award_past_purchases", target=programme)
        transaction.on_commit(lambda: wake("stream"))
