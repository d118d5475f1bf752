"""Postings between accounts: statements that stay exact when two run at once, and staff's corrections.

Order of locks, everywhere: members' accounts by id, then a reward. Each transaction first changes (or locks) the
account row and only then, in a later statement with a fresh view, looks at its lots.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from loyalty.actions.tiers import move_tiers
from loyalty.events import PointsAdjusted
from loyalty.models import Account, Lot, Programme, Redemption, Transfer
from members.actions import emit, mark_dirty
from members.models import Member
from urm.audit.actions import record
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

MAX_POINTS = 10**9
GRACE = timedelta(days=30)  # what is given back after its expiry passed lives this much longer


class LoyaltyError(ValidationError):
    """Something that cannot be done; `code` is stable for machines.

    With `field` the request itself is wrong; without, it conflicts with the present state of things.
    """

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__({field: [message]} if field else message, code=code)
        self.code = code
        self.field = field


class KeyTakenError(Exception):
    """Inside a transaction: the idempotency key has a transfer already. Roll back, then look at it."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What taking points made; `balance` is what is left."""

    transfer_id: int
    balance: int


# The one conditional statement that changes a balance downwards; it also is the account's lock.
DEBIT = """
UPDATE loyalty_account SET balance = balance - %(amount)s
WHERE tenant_id = {tenant} AND member_id = %(member)s AND balance >= %(amount)s
RETURNING id, balance
"""

# In the order of spending: `first` before the others, then what expires first. Read after the account is locked.
OPEN_LOTS = """
SELECT id, remaining FROM loyalty_lot
WHERE tenant_id = {tenant} AND account_id = %(account)s AND is_open AND (expires_at IS NULL OR expires_at > %(at)s)
ORDER BY expires_at, id
"""

SPEND = """
UPDATE loyalty_lot l SET remaining = l.remaining - s.points
FROM unnest(%(lots)s::bigint[], %(shares)s::bigint[]) AS s (id, points)
WHERE l.tenant_id = {tenant} AND l.id = s.id
"""

# Nothing comes back when the key is taken.
POST = """
INSERT INTO loyalty_transfer (tenant_id, debit_account_id, credit_account_id, amount, kind, idempotency_key, body_hash,
                              reason, reverses_id, lot_ids, lot_points, occurred_at, created_at)
SELECT {tenant}, %(account)s, id, %(amount)s, %(kind)s, %(key)s, %(hash)s, %(reason)s, %(reverses)s, %(lots)s::bigint[],
       %(shares)s::bigint[], %(at)s, %(at)s
FROM loyalty_account WHERE tenant_id = {tenant} AND kind = %(to)s
ON CONFLICT DO NOTHING RETURNING id
"""

CREDIT = """
UPDATE loyalty_account SET balance = balance + %(amount)s
WHERE tenant_id = {tenant} AND id = %(account)s RETURNING balance
"""

_OPEN_OWN = """
INSERT INTO loyalty_account (tenant_id, kind, opened_at)
SELECT {tenant}, k, now() FROM unnest(ARRAY['issued', 'redeemed', 'expired', 'adjusted']) k
WHERE NOT EXISTS (SELECT FROM loyalty_account WHERE tenant_id = {tenant} AND kind = k) ON CONFLICT DO NOTHING
"""

_OPEN = """
INSERT INTO loyalty_account (tenant_id, kind, member_id, balance, lifetime_points, opened_at)
SELECT {tenant}, 'member', m, 0, 0, now() FROM unnest(%(members)s::bigint[]) m
WHERE NOT EXISTS (SELECT FROM loyalty_account a WHERE a.tenant_id = {tenant} AND a.member_id = m) ORDER BY m
ON CONFLICT DO NOTHING
"""

_LOCK = """
SELECT id FROM loyalty_account WHERE tenant_id = {tenant} AND member_id = ANY (%(members)s) ORDER BY id FOR UPDATE
"""


def run(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run a statement of this app with the tenant as a literal in it; gives back its rows."""
    with connection.cursor() as db:
        db.execute(statement.format(tenant=require_tenant()), parameters)
        return list(db.fetchall()) if db.description else []


def body_hash(*parts: Any) -> bytes:
    """SHA-256 of what a request asks for: the same key with another hash is refused."""
    return hashlib.sha256(orjson.dumps(parts)).digest()


def lock_accounts(member_ids: list[int]) -> None:
    """Open the accounts that are missing and lock all of them, in the order that every writer keeps."""
    run(_OPEN_OWN)
    run(_OPEN, members=member_ids)
    run(_LOCK, members=member_ids)


def transfer_of_key(key: str, digest: bytes) -> Transfer | None:
    """The transfer that this request made earlier; raises when the key was used for something else."""
    transfer = Transfer.objects.filter(idempotency_key=key).first()
    if transfer is not None and bytes(transfer.body_hash) != digest:
        raise LoyaltyError(
            "idempotency_key_reused",
            _("This idempotency key was used for another request. Use a new key for a new request."),
        )
    return transfer


def spend(
    *,
    member_id: int,
    amount: int,
    to: str,
    kind: str,
    key: str,
    digest: bytes,
    reason: str = "",
    at: datetime,
    reverses: Transfer | None = None,
    first: int | None = None,
) -> Spent:
    """Take points from a member, inside the caller's transaction; those of the lot `first` before any others.

    Raises KeyTakenError, or LoyaltyError when the points that are still good do not suffice.
    """
    debited = run(DEBIT, member=member_id, amount=amount)
    if debited:
        [(account, balance)] = debited
        lots, shares = _shares(run(OPEN_LOTS, account=account, at=at), amount, first)
        if sum(shares) == amount:
            run(SPEND, lots=lots, shares=shares)
            posted = run(
                POST,
                account=account,
                amount=amount,
                kind=kind,
                key=key,
                hash=digest,
                reason=reason,
                reverses=reverses.pk if reverses else None,
                lots=lots,
                shares=shares,
                at=at,
                to=to,
            )
            if posted:
                return Spent(posted[0][0], balance)
    if Transfer.objects.filter(idempotency_key=key).exists():
        raise KeyTakenError
    raise LoyaltyError("insufficient_points", _("The member has too few points for this."))


def _shares(lots: list[tuple[int, int]], amount: int, first: int | None) -> tuple[list[int], list[int]]:
    """How many points to take from which lots; all that they hold where that is too little."""
    ids, shares = [], []
    for pk, remaining in sorted(lots, key=lambda lot: lot[0] != first):
        if amount == 0:
            break
        share = min(remaining, amount)
        ids.append(pk)
        shares.append(share)
        amount -= share
    return ids, shares


def give(
    *,
    account: Account,
    source: str,
    kind: str,
    key: str,
    digest: bytes,
    lots: list[tuple[int, datetime | None]],
    reason: str,
    at: datetime,
    reverses: Transfer | None = None,
) -> tuple[Transfer, int]:
    """Give a member points from one of the workspace's own accounts as lots (points, expiry); the account is locked."""
    if Transfer.objects.filter(idempotency_key=key).exists():
        raise KeyTakenError
    amount = sum(points for points, _expiry in lots)
    transfer = Transfer.objects.create(
        debit_account=Account.objects.get(kind=source),
        credit_account=account,
        amount=amount,
        kind=kind,
        idempotency_key=key,
        body_hash=digest,
        reason=reason,
        reverses=reverses,
        occurred_at=at,
        created_at=at,
    )
    Lot.objects.bulk_create(
        [
            Lot(account=account, transfer=transfer, points=points, remaining=points, expires_at=expiry)
            for points, expiry in lots
        ]
    )
    [(balance,)] = run(CREDIT, account=account.pk, amount=amount)
    if any(expiry for _points, expiry in lots):
        wake_for_expiry(min(expiry for _points, expiry in lots if expiry))
    return transfer, balance


def wake_for_expiry(moment: datetime) -> None:
    transaction.on_commit(lambda: wake("loyalty.expire", moment))


def adjust_points(*, member: Member, points: int, reason: str, idempotency_key: str) -> Transfer:
    """Give (or, below zero, take) points by hand, for a stated reason. Lifetime points and tier stay as they are."""
    reason = reason.strip()
    if not 0 < abs(points) <= MAX_POINTS:
        raise LoyaltyError("invalid", _("Must be a whole number other than 0, at most 1,000,000,000."), "points")
    if not 0 < len(reason) <= 200:
        raise LoyaltyError("invalid", _("Say why, in at most 200 characters."), "reason")
    key, digest = f"adjust:{idempotency_key}", body_hash("adjust", member.pk, points, reason)
    now = timezone.now()
    try:
        with transaction.atomic():
            lock_accounts([member.pk])
            account = Account.objects.get(member=member)
            if points < 0:
                spent = spend(
                    member_id=member.pk,
                    amount=-points,
                    to=Account.Kind.ADJUSTED,
                    kind=Transfer.Kind.ADJUST,
                    key=key,
                    digest=digest,
                    reason=reason,
                    at=now,
                )
                transfer, balance = Transfer.objects.get(pk=spent.transfer_id), spent.balance
            else:
                programme = Programme.objects.first()
                transfer, balance = give(
                    account=account,
                    source=Account.Kind.ADJUSTED,
                    kind=Transfer.Kind.ADJUST,
                    key=key,
                    digest=digest,
                    lots=[(points, programme.expiry_of(now) if programme else None)],
                    reason=reason,
                    at=now,
                )
            move_tiers([account.pk])  # an account that this opened gets the first tier
            record(
                verb="loyalty.adjust",
                target=transfer,
                target_label=f"#{member.pk}",
                after={"points": points, "reason": reason},
            )
            emit([PointsAdjusted(member_id=member.pk, points=points, balance=balance)])
            mark_dirty([member.pk])
            return transfer
    except KeyTakenError:
        return _earlier(key, digest)


def reverse_transfer(*, transfer: Transfer, reason: str) -> Transfer:
    """Correct a transfer by its mirror image; doing it twice changes nothing.

    Points that a member got are taken back (their own lot first): refused when too few are left. Points that a member
    gave come back with the expiry they had. A reversed purchase lowers lifetime points; a reversed redemption is
    cancelled and its stock returns.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= 200:
        raise LoyaltyError("invalid", _("Say why, in at most 200 characters."), "reason")
    if transfer.kind == Transfer.Kind.REVERSE:
        raise LoyaltyError("invalid", _("A reversal cannot be reversed. Adjust the points instead."))
    if transfer.kind == Transfer.Kind.MERGE:
        raise LoyaltyError("invalid", _("These points moved with a merge. Un-merge the members instead."))
    key, digest = f"reverse:{transfer.pk}", body_hash("reverse", transfer.pk)
    debit, credit = transfer.debit_account, transfer.credit_account
    account = credit if credit.kind == Account.Kind.MEMBER else debit
    own = debit if account is credit else credit
    into_member = account is credit
    assert account.member is not None
    member_id = account.member.merged_into_id or account.member.pk  # whoever has the points by now
    now = timezone.now()
    try:
        with transaction.atomic():
            lock_accounts([member_id])
            account = Account.objects.get(member=member_id)
            if into_member:
                spent = spend(
                    member_id=member_id,
                    amount=transfer.amount,
                    to=own.kind,
                    kind=Transfer.Kind.REVERSE,
                    key=key,
                    digest=digest,
                    reason=reason,
                    at=now,
                    reverses=transfer,
                    first=Lot.objects.filter(transfer=transfer).values_list("pk", flat=True).first(),
                )
                reversal, balance = Transfer.objects.get(pk=spent.transfer_id), spent.balance
                points = -transfer.amount
                if transfer.kind == Transfer.Kind.EARN:
                    run(_LOWER_LIFETIME, account=account.pk, amount=transfer.amount)
                    move_tiers([account.pk])
            else:
                reversal, balance = give(
                    account=account,
                    source=own.kind,
                    kind=Transfer.Kind.REVERSE,
                    key=key,
                    digest=digest,
                    lots=_returned_lots(transfer, now),
                    reason=reason,
                    at=now,
                    reverses=transfer,
                )
                points = transfer.amount
                _cancel_redemption_of(transfer, now)
            record(
                verb="loyalty.reverse",
                target=transfer,
                target_label=f"#{member_id}",
                after={"points": points, "reason": reason},
            )
            emit([PointsAdjusted(member_id=member_id, points=points, balance=balance)])
            mark_dirty([member_id])
            return reversal
    except KeyTakenError:
        return _earlier(key, digest)


_LOWER_LIFETIME = """
UPDATE loyalty_account SET lifetime_points = lifetime_points - %(amount)s
WHERE tenant_id = {tenant} AND id = %(account)s
"""

_RESTOCK = """
UPDATE loyalty_reward SET stock = stock + 1 WHERE tenant_id = {tenant} AND id = %(reward)s AND stock IS NOT NULL
"""


def _returned_lots(transfer: Transfer, now: datetime) -> list[tuple[int, datetime | None]]:
    expiries = dict(Lot.objects.filter(pk__in=transfer.lot_ids).values_list("pk", "expires_at"))
    taken = ((points, expiries[pk]) for pk, points in zip(transfer.lot_ids, transfer.lot_points, strict=True))
    return [(points, expiry if expiry is None or expiry > now else now + GRACE) for points, expiry in taken]


def _cancel_redemption_of(transfer: Transfer, now: datetime) -> None:
    redemption = Redemption.objects.filter(transfer=transfer).first()
    if redemption is not None:
        Redemption.objects.filter(pk=redemption.pk).update(cancelled_at=now)
        run(_RESTOCK, reward=redemption.reward_id)


def _earlier(key: str, digest: bytes) -> Transfer:
    transfer = transfer_of_key(key, digest)
    assert transfer is not None
    return transfer
