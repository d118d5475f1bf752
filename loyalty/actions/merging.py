"""Points follow people: two members become one, one becomes two again, and events turn out not to have happened."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from loyalty.actions.ledger import body_hash, lock_accounts, reverse_transfer, run
from loyalty.actions.tiers import move_tiers
from loyalty.models import Account, Lot, Transfer
from members.actions import mark_dirty
from members.queries.merging import history_ids

# Which of the points earned into an account since some transfer came by events of certain members.
_EARNED_SINCE = """
SELECT t.id, t.amount FROM loyalty_transfer t JOIN members_event e
  ON e.tenant_id = {tenant} AND e.member_id = ANY (%(members)s) AND e.occurred_at = t.occurred_at AND e.id = t.event_id
WHERE t.tenant_id = {tenant} AND t.credit_account_id = %(account)s AND t.kind = 'earn' AND t.id > %(since)s
"""


def move_points(*, survivor_id: int, other_id: int, event_id: int) -> None:
    """Hand the other's points and lifetime points to the survivor, once for the merge that this event tells of."""
    with transaction.atomic():
        key, digest = f"merge:{event_id}", body_hash("merge", survivor_id, other_id)
        if not Account.objects.filter(member=other_id).exists() or _is_booked(key):
            return
        lock_accounts([survivor_id, other_id])
        other, survivor = Account.objects.get(member=other_id), Account.objects.get(member=survivor_id)
        lots = list(Lot.objects.filter(account=other, is_open=True).order_by("expires_at", "pk"))
        _move(
            other,
            survivor,
            lots=lots,
            points=sum(lot.remaining for lot in lots),
            lifetime=other.lifetime_points or 0,
            key=key,
            digest=digest,
        )
        Account.objects.filter(pk=other.pk).update(tier=None, tier_since=None)
        move_tiers([survivor.pk])


def return_points(*, survivor_id: int, other_id: int, event_id: int) -> None:
    """Take a merge back: the other gets what it brought and what its own ids earned since, as far as it is unspent."""
    with transaction.atomic():
        key, digest = f"unmerge:{event_id}", body_hash("unmerge", survivor_id, other_id)
        other = Account.objects.filter(member=other_id).first()
        survivor = Account.objects.filter(member=survivor_id).first()
        if survivor is None or _is_booked(key):
            return
        lock_accounts([survivor_id, other_id])
        survivor.refresh_from_db()
        other = other or Account.objects.get(member=other_id)
        merged = Transfer.objects.filter(debit_account=other, credit_account=survivor, kind=Transfer.Kind.MERGE)
        since = merged.order_by("pk").last()
        members = history_ids([other_id])
        earned: dict[int, int] = dict(
            run(_EARNED_SINCE, members=members, account=survivor.pk, since=since.pk if since else 0)
        )
        theirs = Transfer.objects.filter(pk__in=earned) | _of_members(members)
        undone = Transfer.objects.filter(reverses__in=theirs, pk__gt=since.pk if since else 0)
        taken = undone.filter(debit_account=survivor)
        unearned = _total(taken.filter(reverses__kind=Transfer.Kind.EARN))
        lifetime = (since.lifetime_points or 0 if since else 0) + sum(earned.values()) - unearned
        points = (since.amount if since else 0) + sum(earned.values())
        points += _total(undone.filter(credit_account=survivor)) - _total(taken)
        brought = {*earned, since.pk} if since else set(earned)
        lots = sorted(
            Lot.objects.filter(account=survivor, is_open=True).order_by("expires_at", "pk"),
            key=lambda lot: lot.transfer_id not in brought,
        )
        points = max(0, min(points, survivor.balance or 0))
        lifetime = max(0, min(lifetime, survivor.lifetime_points or 0))
        _move(survivor, other, lots=lots, points=points, lifetime=lifetime, key=key, digest=digest)
        move_tiers([survivor.pk, other.pk])


def take_back_points(*, event_id: int) -> None:
    """Reverse what an event earned that was deleted since. Raises LoyaltyError when the points are spent."""
    transfer = Transfer.objects.filter(idempotency_key=f"event:{event_id}").first()
    if transfer is not None:
        reverse_transfer(transfer=transfer, reason=_("The event was deleted or corrected"))


def _move(
    source: Account, target: Account, *, lots: list[Lot], points: int, lifetime: int, key: str, digest: bytes
) -> None:
    """Move so many points out of these lots, each keeping its expiry, and lifetime points; both accounts are locked."""
    if points == 0 and lifetime == 0:
        return
    now: datetime = timezone.now()
    shares: list[tuple[Lot, int]] = []
    for lot in lots:
        share = min(lot.remaining, points - sum(taken for _lot, taken in shares))
        if share > 0:
            shares.append((lot, share))
    transfer = Transfer.objects.create(
        debit_account=source,
        credit_account=target,
        amount=points,
        lifetime_points=lifetime,
        kind=Transfer.Kind.MERGE,
        idempotency_key=key,
        body_hash=digest,
        lot_ids=[lot.pk for lot, _share in shares],
        lot_points=[share for _lot, share in shares],
        occurred_at=now,
        created_at=now,
    )
    for lot, share in shares:
        Lot.objects.filter(pk=lot.pk).update(remaining=lot.remaining - share)
    Lot.objects.bulk_create(
        [
            Lot(account=target, transfer=transfer, points=share, remaining=share, expires_at=lot.expires_at)
            for lot, share in shares
        ]
    )
    for account, sign in ((source, -1), (target, 1)):
        run(_CHANGE, account=account.pk, points=sign * points, lifetime=sign * lifetime)
    mark_dirty([pk for pk in (source.member_id, target.member_id) if pk is not None])


_CHANGE = """
UPDATE loyalty_account SET balance = balance + %(points)s, lifetime_points = lifetime_points + %(lifetime)s
WHERE tenant_id = {tenant} AND id = %(account)s
"""


def _is_booked(key: str) -> bool:
    return Transfer.objects.filter(idempotency_key=key).exists()


def _of_members(members: list[int]) -> QuerySet[Transfer]:
    own = Account.objects.filter(member__in=members).values("pk")
    return Transfer.objects.filter(credit_account__in=own) | Transfer.objects.filter(debit_account__in=own)


def _total(transfers: QuerySet[Transfer]) -> int:
    total: int | None = transfers.aggregate(total=Sum("amount"))["total"]
    return total or 0
