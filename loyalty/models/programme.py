"""What the programme promises: how points are earned, tiers, rewards."""

from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.models.ledger import Account, Transfer
from members.models import Member
from urm.tenancy.models import TenantForeignKey, TenantModel


class Programme(TenantModel):
    """The settings of a workspace's one loyalty programme."""

    name = models.CharField(_("name"), max_length=100)
    active = models.BooleanField(_("active"), default=True)
    points_per_unit = models.DecimalField(
        _("points per currency unit"),
        max_digits=8,
        decimal_places=4,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1000))],
        help_text=_("Points of a purchase = amount × this number, rounded down per purchase."),
    )
    starts_at = models.DateTimeField(
        _("purchases count from"), null=True, blank=True, help_text=_("By when they happened; empty: from ever.")
    )
    ends_at = models.DateTimeField(_("purchases count until"), null=True, blank=True)
    expiry_days = models.PositiveIntegerField(
        _("points expire after (days)"),
        null=True,
        blank=True,
        default=730,
        validators=[MinValueValidator(1), MaxValueValidator(36_500)],
        help_text=_("Counted from the purchase; empty: never."),
    )

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programme")
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="loyalty_programme_once"),
            models.CheckConstraint(
                condition=Q(points_per_unit__gte=0, points_per_unit__lte=1000), name="loyalty_programme_rate"
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(starts_at__lt=F("ends_at")),
                name="loyalty_programme_period",
                violation_error_message=_("The end must lie after the start."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def points_for(self, amount: Decimal | None, occurred_at: datetime) -> int:
        """Points that a purchase earns; 0 outside the active period [start, end)."""
        if amount is None or amount <= 0 or not self.active:
            return 0
        if (self.starts_at and occurred_at < self.starts_at) or (self.ends_at and occurred_at >= self.ends_at):
            return 0
        return int((amount * self.points_per_unit).to_integral_value(ROUND_FLOOR))

    def expiry_of(self, earned_at: datetime) -> datetime | None:
        return None if self.expiry_days is None else earned_at + timedelta(days=self.expiry_days)


class Tier(TenantModel):
    """A member is in the highest tier whose threshold their lifetime points reach."""

    name = models.CharField(_("name"), max_length=60)
    threshold = models.BigIntegerField(
        _("from lifetime points"),
        validators=[MinValueValidator(0)],
        help_text=_("Lifetime points: earned by purchases, less what was reversed; redeeming keeps them."),
    )
    benefits = models.TextField(_("benefits"), blank=True, max_length=2000)

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        ordering = ["threshold"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="loyalty_tier_name_once"),
            models.UniqueConstraint(fields=["tenant", "threshold"], name="loyalty_tier_threshold_once"),
            models.CheckConstraint(condition=Q(threshold__gte=0), name="loyalty_tier_threshold"),
        ]

    def __str__(self) -> str:
        return self.name


class TierChange(TenantModel):
    """A member moved to another tier. Append-only; names are kept as they were then."""

    account = TenantForeignKey(Account, models.PROTECT, related_name="tier_changes", verbose_name=_("account"))
    before = models.CharField(_("before"), max_length=60, null=True)
    after = models.CharField(_("after"), max_length=60, null=True)
    lifetime_points = models.BigIntegerField(_("lifetime points"))
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("tier change")
        verbose_name_plural = _("tier changes")
        indexes = [models.Index(fields=["tenant", "account", "-at"], name="loyalty_tier_change")]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class Reward(TenantModel):
    """Something that points buy."""

    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, max_length=2000)
    cost = models.BigIntegerField(
        _("cost in points"), validators=[MinValueValidator(1), MaxValueValidator(1_000_000_000)]
    )
    stock = models.PositiveIntegerField(
        _("stock"), null=True, blank=True, help_text=_("How many are left; empty: unlimited.")
    )
    per_member_limit = models.PositiveIntegerField(
        _("limit per member"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many one member may redeem; empty: any number."),
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="loyalty_reward_name_once"),
            models.CheckConstraint(condition=Q(cost__gt=0), name="loyalty_reward_cost"),
            models.CheckConstraint(condition=Q(stock__isnull=True) | Q(stock__gte=0), name="loyalty_reward_stock"),
        ]

    def __str__(self) -> str:
        return self.name


class Redemption(TenantModel):
    """A member exchanged points for a reward; cancelling gives the points and the stock back."""

    member = TenantForeignKey(Member, models.PROTECT, related_name="redemptions", verbose_name=_("member"))
    reward = TenantForeignKey(Reward, models.PROTECT, related_name="redemptions", verbose_name=_("reward"))
    transfer = TenantForeignKey(Transfer, models.PROTECT, related_name="redemptions", verbose_name=_("transfer"))
    points = models.BigIntegerField(_("points"))
    redeemed_at = models.DateTimeField(_("redeemed at"), default=timezone.now)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [models.UniqueConstraint(fields=["tenant", "transfer"], name="loyalty_redemption_once")]
        indexes = [
            models.Index(fields=["tenant", "member", "reward"], name="loyalty_redemption_member"),
        ]

    def __str__(self) -> str:
        return f"{self.reward_id} · {self.points}"
