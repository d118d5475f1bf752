"""Reads: one member's points, the programme's totals, what is due."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty.models import Account, Lot, Programme, Reconciliation, Redemption, Reward, Tier, Transfer
from members.models import Member
from members.queries import live_members, search_members
from members.queries.merging import history_ids
from urm.channels.variables import MessageVariable
from urm.lib.figures import number
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

EXPIRING_WITHIN = timedelta(days=30)
_RECONCILE_AT = time(3, 30)  # local time of the workspace


@dataclass(frozen=True, slots=True)
class MemberPoints:
    """What a member has. Without an account everything is 0 and there is no tier."""

    points: int
    lifetime_points: int
    expiring_in_30d: int
    tier: Tier | None
    tier_since: datetime | None
    next_tier: Tier | None

    @property
    def points_to_next_tier(self) -> int | None:
        return self.next_tier.threshold - self.lifetime_points if self.next_tier else None


@dataclass(frozen=True, slots=True)
class Totals:
    """Points of all members in a period, by what happened to them; reversals are netted where they belong."""

    issued: int
    redeemed: int
    expired: int
    adjusted: int


@dataclass(frozen=True, slots=True)
class MonthlyPoints:
    """Points by the month in which things happened, reversals netted; `start` is its first local day."""

    start: date
    issued: int
    redeemed: int


def member_points(member: Member) -> MemberPoints:
    account = Account.objects.select_related("tier").filter(member=member).first()
    lifetime = account.lifetime_points or 0 if account else 0
    return MemberPoints(
        points=account.balance or 0 if account else 0,
        lifetime_points=lifetime,
        expiring_in_30d=expiring(account) if account else 0,
        tier=account.tier if account else None,
        tier_since=account.tier_since if account else None,
        next_tier=Tier.objects.filter(threshold__gt=lifetime).order_by("threshold").first(),
    )


def expiring(account: Account, *, at: datetime | None = None) -> int:
    """Unspent points whose expiry lies in (at, at + 30 days]: at that very moment they are gone."""
    at = at or timezone.now()
    total: int | None = Lot.objects.filter(
        account=account, is_open=True, expires_at__gt=at, expires_at__lte=at + EXPIRING_WITHIN
    ).aggregate(total=Sum("remaining"))["total"]
    return total or 0


def own_balance(kind: str) -> int:
    """Credits less debits of one of the workspace's own accounts: computed, never stored."""
    account = Account.objects.filter(kind=kind).first()
    if account is None:
        return 0
    credited: int | None = Transfer.objects.filter(credit_account=account).aggregate(total=Sum("amount"))["total"]
    debited: int | None = Transfer.objects.filter(debit_account=account).aggregate(total=Sum("amount"))["total"]
    return (credited or 0) - (debited or 0)


def totals(*, start: datetime | None = None, end: datetime | None = None) -> Totals:
    """Totals of what was booked in [start, end)."""
    booked = Transfer.objects.all()
    if start is not None:
        booked = booked.filter(created_at__gte=start)
    if end is not None:
        booked = booked.filter(created_at__lt=end)
    sums = {
        kind: booked.aggregate(
            into=Sum("amount", filter=Q(credit_account__kind=kind)),
            out=Sum("amount", filter=Q(debit_account__kind=kind)),
        )
        for kind in ("issued", "redeemed", "expired", "adjusted")
    }
    net = {kind: (found["into"] or 0) - (found["out"] or 0) for kind, found in sums.items()}
    return Totals(issued=-net["issued"], redeemed=net["redeemed"], expired=net["expired"], adjusted=-net["adjusted"])


def accounts(text: str = "") -> QuerySet[Account]:
    """Members' accounts, those of members that `text` finds."""
    found = Account.objects.select_related("member", "tier").filter(kind=Account.Kind.MEMBER, member__merged_into=None)
    if text.strip():
        found = found.filter(member__in=search_members(text).order_by().values("pk"))
    return found


def points_shown(members: Sequence[Member]) -> dict[int, str]:
    """For a column of a list of members."""
    found = Account.objects.filter(member__in=[member.pk for member in members])
    return {pk: number(balance) for pk, balance in found.values_list("member_id", "balance") if pk is not None}


def member_or_404(number: str) -> Member:
    """The live member of that number, as it stands in an address."""
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise Http404
    return get_object_or_404(live_members(), pk=int(number))


def outstanding() -> int:
    """All members' points."""
    total: int | None = Account.objects.filter(kind=Account.Kind.MEMBER).aggregate(total=Sum("balance"))["total"]
    return total or 0


def monthly_points(months: int) -> list[MonthlyPoints]:
    """The last months of the workspace's calendar, the current one last, by when things happened."""
    zone = Tenant.objects.get(pk=require_tenant()).zone
    this = timezone.now().astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    starts = [this]
    while len(starts) < months:
        starts.append((starts[-1] - timedelta(days=1)).replace(day=1))
    starts.reverse()
    rows = (
        Transfer.objects.filter(occurred_at__gte=starts[0], debit_account__kind__in=["issued", "member", "redeemed"])
        .annotate(month=TruncMonth("occurred_at", tzinfo=zone))
        .order_by()
        .values_list("month", "debit_account__kind", "credit_account__kind")
        .annotate(points=Sum("amount"))
    )
    issued: Counter[tuple[int, int]] = Counter()
    redeemed: Counter[tuple[int, int]] = Counter()
    for month, debit, credit, points in rows:
        key = (month.year, month.month)
        issued[key] += points if debit == "issued" else -points if credit == "issued" else 0
        redeemed[key] += points if credit == "redeemed" else -points if debit == "redeemed" else 0
    return [
        MonthlyPoints(start.date(), issued[start.year, start.month], redeemed[start.year, start.month])
        for start in starts
    ]


def transfers(text: str = "") -> QuerySet[Transfer]:
    """The ledger, newest first; of members whom `text` finds, or with it in the reason."""
    found = Transfer.objects.select_related(
        "debit_account", "debit_account__member", "credit_account", "credit_account__member"
    )
    if text.strip():
        theirs = Account.objects.filter(member__in=search_members(text).order_by().values("pk")).values("pk")
        found = found.filter(
            Q(reason__icontains=text.strip()) | Q(debit_account__in=theirs) | Q(credit_account__in=theirs)
        )
    return found


def transfers_of(member: Member) -> QuerySet[Transfer]:
    """Of the member and of all who were merged into it; what moved between these is not told."""
    own = Account.objects.filter(member__in=history_ids([member.pk])).values("pk")
    return (
        Transfer.objects.select_related("debit_account", "credit_account")
        .filter(Q(debit_account__in=own) | Q(credit_account__in=own))
        .exclude(debit_account__in=own, credit_account__in=own)
        .order_by("-pk")
    )


def redemptions_of(member: Member) -> QuerySet[Redemption]:
    return Redemption.objects.select_related("reward").filter(member__in=history_ids([member.pk])).order_by("-pk")


def rewards_offered() -> QuerySet[Reward]:
    return Reward.objects.filter(active=True).exclude(stock=0).order_by("cost", "pk")


def programme() -> Programme | None:
    return Programme.objects.first()


def next_expiry() -> datetime | None:
    return (
        Lot.objects.filter(is_open=True, expires_at__isnull=False)
        .order_by("expires_at")
        .values_list("expires_at", flat=True)
        .first()
    )


def next_reconciliation() -> tuple[bool, datetime]:
    """Whether the nightly comparison is due now, and when the next one will be (aware UTC)."""
    zone = Tenant.objects.get(pk=require_tenant()).zone
    now = timezone.now().astimezone(zone)
    today = datetime.combine(now.date(), _RECONCILE_AT, zone)
    latest = today if now >= today else datetime.combine(now.date() - timedelta(days=1), _RECONCILE_AT, zone)
    following = datetime.combine(latest.date() + timedelta(days=1), _RECONCILE_AT, zone)
    due = not Reconciliation.objects.filter(ran_at__gte=latest).exists()
    return due, following.astimezone(UTC)


def points_fields() -> Mapping[str, str | Promise]:
    return {
        "loyalty.points": _("points"),
        "loyalty.lifetime_points": _("lifetime points"),
        "loyalty.tier": _("tier"),
    }


def load_points(member_ids: Sequence[int]) -> dict[int, dict[str, int | str | None]]:
    """What messages can say of a member's points; 0 and no tier without an account."""
    values: dict[int, dict[str, int | str | None]] = {
        member_id: {"points": 0, "lifetime_points": 0, "tier": None} for member_id in member_ids
    }
    rows = Account.objects.filter(member__in=member_ids).values_list(
        "member_id", "balance", "lifetime_points", "tier__name"
    )
    for member_id, balance, lifetime, tier in rows:
        if member_id is not None:
            values[member_id] = {"points": balance, "lifetime_points": lifetime, "tier": tier}
    return values


POINTS_VARIABLE = MessageVariable("loyalty", points_fields, load_points)
