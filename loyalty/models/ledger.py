"""The ledger: accounts, transfers between them, lots of points and what was taken from which."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import ExpressionWrapper, F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models import Member
from urm.tenancy.models import TenantForeignKey, TenantModel


class Account(TenantModel):
    """A member's points, or one of the workspace's own accounts that points come from and go to.

    Only members' balances are stored (and written by conditional statements alone); the workspace's own are computed
    from the transfers: one hot row for all would halve the throughput.
    """

    class Kind(models.TextChoices):
        MEMBER = "member", _("member")
        ISSUED = "issued", _("issued")
        REDEEMED = "redeemed", _("redeemed")
        EXPIRED = "expired", _("expired")
        ADJUSTED = "adjusted", _("adjusted")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    member = TenantForeignKey(
        Member, models.PROTECT, null=True, related_name="loyalty_accounts", verbose_name=_("member")
    )
    balance = models.BigIntegerField(_("points"), null=True)
    lifetime_points = models.BigIntegerField(_("lifetime points"), null=True)
    tier = TenantForeignKey("loyalty.Tier", models.PROTECT, null=True, related_name="accounts", verbose_name=_("tier"))
    tier_since = models.DateTimeField(_("tier since"), null=True)
    opened_at = models.DateTimeField(_("opened at"), default=timezone.now)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "member"], name="loyalty_account_once"),
            models.UniqueConstraint(
                fields=["tenant", "kind"], condition=~Q(kind="member"), name="loyalty_own_account_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="member", member__isnull=False, balance__gte=0, lifetime_points__gte=0)
                | (
                    ~Q(kind="member")
                    & Q(member__isnull=True, balance__isnull=True, lifetime_points__isnull=True, tier__isnull=True)
                ),
                name="loyalty_account_sound",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "tier"], name="loyalty_account_tier"),
        ]

    def __str__(self) -> str:
        return f"#{self.member_id}" if self.member_id else self.get_kind_display()


class Transfer(TenantModel):
    """`amount` points from the debit account to the credit account. Append-only: nothing here is ever changed.

    `idempotency_key` names what caused it; the same key again with the same body (`body_hash`) changes nothing.
    Holds no personal data.
    """

    class Kind(models.TextChoices):
        EARN = "earn", _("earned")
        REDEEM = "redeem", _("redeemed")
        EXPIRE = "expire", _("expired")
        ADJUST = "adjust", _("adjusted")
        REVERSE = "reverse", _("reversed")
        MERGE = "merge", _("moved with a merge")

    debit_account = TenantForeignKey(Account, models.PROTECT, related_name="debits", verbose_name=_("from account"))
    credit_account = TenantForeignKey(Account, models.PROTECT, related_name="credits", verbose_name=_("to account"))
    amount = models.BigIntegerField(_("points"))
    lifetime_points = models.BigIntegerField(null=True)  # that move as well, when members are merged or un-merged
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    idempotency_key = models.CharField(_("idempotency key"), max_length=200)
    body_hash = models.BinaryField(max_length=32)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    event_id = models.BigIntegerField(_("event"), null=True)
    reverses = TenantForeignKey(
        "self", models.PROTECT, null=True, related_name="reversed_by", verbose_name=_("reverses")
    )
    # What was taken from which lots: two arrays of one length. A table of their own would double a redemption's writes.
    lot_ids = ArrayField(models.BigIntegerField(), default=list)
    lot_points = ArrayField(models.BigIntegerField(), default=list)
    occurred_at = models.DateTimeField(_("occurred at"))
    created_at = models.DateTimeField(_("booked at"), default=timezone.now)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("points ledger")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "idempotency_key"], name="loyalty_transfer_once"),
            models.UniqueConstraint(
                fields=["tenant", "reverses"], condition=Q(reverses__isnull=False), name="loyalty_reversed_once"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(kind="merge", amount__gte=0), name="loyalty_transfer_amount"
            ),
            models.CheckConstraint(
                condition=~Q(debit_account=F("credit_account")), name="loyalty_transfer_two_accounts"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "debit_account", "-id"], name="loyalty_transfer_debit"),
            models.Index(fields=["tenant", "credit_account", "-id"], name="loyalty_transfer_credit"),
            BrinIndex(fields=["occurred_at"], pages_per_range=32, autosummarize=True, name="loyalty_transfer_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"

    @property
    def member_points(self) -> int:
        """As the member sees it: above zero for points that came, below for points that went."""
        return self.amount if self.credit_account.kind == Account.Kind.MEMBER else -self.amount


class Lot(TenantModel):
    """Points that came in together and expire together; `remaining` of them are unspent."""

    account = TenantForeignKey(Account, models.PROTECT, related_name="lots", verbose_name=_("account"))
    transfer = TenantForeignKey(Transfer, models.PROTECT, related_name="lots", verbose_name=_("transfer"))
    points = models.BigIntegerField(_("points"))
    remaining = models.BigIntegerField(_("remaining"))
    expires_at = models.DateTimeField(_("expires at"), null=True)
    # Indexes go by this and not by `remaining`, so that spending part of a lot touches no index.
    is_open = models.GeneratedField(
        expression=ExpressionWrapper(Q(remaining__gt=0), output_field=models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining__gte=0, remaining__lte=F("points"), points__gt=0), name="loyalty_lot_sound"
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "account", "expires_at", "id"],
                name="loyalty_lot_open",
                condition=Q(is_open=True),
            ),
            models.Index(
                fields=["tenant", "expires_at"],
                name="loyalty_lot_expiring",
                condition=Q(is_open=True, expires_at__isnull=False),
            ),
            models.Index(fields=["tenant", "transfer"], name="loyalty_lot_by_transfer"),
        ]

    def __str__(self) -> str:
        return f"{self.remaining}/{self.points}"


class Reconciliation(TenantModel):
    """One nightly comparison of every stored balance with the ledger and the lots. `drifts` must be empty."""

    ran_at = models.DateTimeField(_("ran at"), default=timezone.now)
    accounts = models.IntegerField(_("accounts compared"))
    drifts = models.JSONField(_("drifts"), default=list)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        indexes = [models.Index(fields=["tenant", "-ran_at"], name="loyalty_reconciled")]

    def __str__(self) -> str:
        return f"{self.ran_at:%Y-%m-%d}: {len(self.drifts)}"
