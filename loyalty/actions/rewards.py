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

TAKE_STOCK = """
UPDATE loyalty_reward SET stock = stock - 1
WHERE tenant_id = {tenant} AND id = %(reward)s AND stock > 0 RETURNING stock
"""


def redeem_reward(*, member: Member, reward: Reward, idempotency_key: str) -> Redemption:
    """Exchange points for a reward; the same key again gives back the redemption it made.

    The account is locked first, by the statement that takes the points, so the member's limit is counted exactly; the
    stock's row, which all members share, last and shortest.
    """
    key, digest = f"redeem:{idempotency_key}", body_hash("redeem", member.pk, reward.pk)
    try:
        with transaction.atomic():
            return _redeem(member, reward.pk, key, digest)
    except (KeyTakenError, LoyaltyError):  # also when stock or points ran out since: the first answer stands
        transfer = transfer_of_key(key, digest)
        if transfer is None:
            raise
    return Redemption.objects.select_related("reward", "member").get(transfer=transfer)


def _redeem(member: Member, reward_id: int, key: str, digest: bytes) -> Redemption:
    reward = Reward.objects.get(pk=reward_id)
    if not reward.active:
        raise LoyaltyError("reward_unavailable", _("This reward is not offered at present."))
    now = timezone.now()
    transfer_id, balance = spend(
        member_id=member.pk,
        amount=reward.cost,
        to=Account.Kind.REDEEMED,
        kind=Transfer.Kind.REDEEM,
        key=key,
        digest=digest,
        at=now,
    )
    if reward.per_member_limit is not None:
        had = Redemption.objects.filter(member=member, reward=reward, cancelled_at=None).count()
        if had >= reward.per_member_limit:
            raise LoyaltyError("limit_reached", _("The member has redeemed this reward as often as allowed."))
    redemption = Redemption.objects.create(
        member=member, reward=reward, transfer_id=transfer_id, points=reward.cost, redeemed_at=now
    )
    emit(
        [
            PointsRedeemed(member_id=member.pk, points=reward.cost, balance=balance),
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
