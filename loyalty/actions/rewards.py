"""Exchanging points for rewards, exact however many ask at once."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from loyalty.actions.ledger import (
    KeyTakenError,
    LoyaltyError,
    body_hash,
    reverse_transfer,
    run,
    spend,
    transfer_of_key,
)
from loyalty.events import PointsRedeemed, RewardRedeemed
from loyalty.models import Account, Redemption, Reward, Transfer
from members.actions import emit, mark_dirty
from members.models import Member
from members.queries.merging import history_ids

# Only while the reward is as it was when the caller read it.
REDEEM = """
INSERT INTO loyalty_redemption (tenant_id, member_id, reward_id, transfer_id, points, redeemed_at)
SELECT {tenant}, %(member)s, id, %(transfer)s, cost, %(at)s
FROM loyalty_reward WHERE tenant_id = {tenant} AND id = %(reward)s AND active AND cost = %(points)s
  AND (stock IS NULL) = %(unlimited)s AND per_member_limit IS NOT DISTINCT FROM %(limit)s
ON CONFLICT DO NOTHING RETURNING id
"""

TAKE_STOCK = """
UPDATE loyalty_reward SET stock = stock - 1
WHERE tenant_id = {tenant} AND id = %(reward)s AND stock > 0 RETURNING stock
"""


class _RewardChangedError(Exception):
    """The reward is not what the caller read: read it again."""


def redeem_reward(*, member: Member, reward: Reward, idempotency_key: str) -> Redemption:
    """Exchange points for a reward; the same key again gives back the redemption it made.

    The account is locked first, by the statement that takes the points, so the member's limit is counted exactly; the
    stock's row, which all members share, last and shortest.
    """
    key, digest = f"redeem:{idempotency_key}", body_hash("redeem", member.pk, reward.pk)
    try:
        try:
            with transaction.atomic():
                return _redeem(member, reward, key, digest)
        except _RewardChangedError:
            return redeem_reward(
                member=member, reward=Reward.objects.get(pk=reward.pk), idempotency_key=idempotency_key
            )
    except (KeyTakenError, LoyaltyError):  # also when stock or points ran out since: the first answer stands
        transfer = transfer_of_key(key, digest)
        if transfer is None:
            raise
    return Redemption.objects.select_related("reward", "member").get(transfer=transfer)


def _redeem(member: Member, reward: Reward, key: str, digest: bytes) -> Redemption:
    if not reward.active:
        raise LoyaltyError("reward_unavailable", _("This reward is not offered at present."))
    now = timezone.now()
    spent = spend(
        member_id=member.pk,
        amount=reward.cost,
        to=Account.Kind.REDEEMED,
        kind=Transfer.Kind.REDEEM,
        key=key,
        digest=digest,
        at=now,
    )
    redeemed = run(
        REDEEM,
        member=member.pk,
        reward=reward.pk,
        transfer=spent.transfer_id,
        points=reward.cost,
        unlimited=reward.stock is None,
        limit=reward.per_member_limit,
        at=now,
    )
    if not redeemed:
        raise _RewardChangedError
    redemption = Redemption(
        pk=redeemed[0][0],
        member=member,
        reward=reward,
        transfer_id=spent.transfer_id,
        points=reward.cost,
        redeemed_at=now,
    )
    if reward.per_member_limit is not None:
        own = history_ids([member.pk])
        had = Redemption.objects.filter(member__in=own, reward=reward, cancelled_at=None).count()
        if had > reward.per_member_limit:
            raise LoyaltyError("limit_reached", _("The member has redeemed this reward as often as allowed."))
    emit(
        [
            PointsRedeemed(member_id=member.pk, points=reward.cost, balance=spent.balance),
            RewardRedeemed(
                member_id=member.pk,
                redemption_id=redemption.pk,
                reward_id=reward.pk,
                reward=reward.name,
                points=reward.cost,
            ),
        ],
        at=now,
    )
    mark_dirty([member.pk])
    if reward.stock is not None and not run(TAKE_STOCK, reward=reward.pk):
        raise LoyaltyError("out_of_stock", _("None of this reward is left."))
    return redemption


def cancel_redemption(*, redemption: Redemption, reason: str) -> Transfer:
    """Give the points and the stock back."""
    return reverse_transfer(transfer=redemption.transfer, reason=reason)
