"""Roll-ups of the log, under tenancy like everything else. All of them can be thrown away and made anew."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from urm.tenancy.context import require_tenant
from urm.tenancy.models import TenantModel

CONSUMER = "analytics"  # the name of our cursor over the log


class KpiSettings(TenantModel):
    """What the workspace counts as a purchase, and after how many days without activity a member counts as lost."""

    purchase_event = models.CharField(
        _("purchase event"),
        max_length=64,
        default="purchase",
        help_text=_("An order is an event of this name with an amount, sent with a secret key."),
    )
    churn_window_days = models.PositiveIntegerField(
        _("days until a member counts as lost"),
        default=90,
        validators=[MinValueValidator(1), MaxValueValidator(730)],
        help_text=_("A member with no activity for more than this many days has churned."),
    )

    class Meta:
        verbose_name = _("KPI settings")
        verbose_name_plural = _("KPI settings")
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="kpi_settings_once"),
            models.CheckConstraint(
                condition=models.Q(churn_window_days__range=(1, 730)), name="kpi_settings_churn_window"
            ),
        ]

    def __str__(self) -> str:
        return str(_("KPI settings"))

    @classmethod
    def current(cls) -> "KpiSettings":
        """The workspace's settings; the defaults, unsaved, until somebody changes them."""
        return cls.objects.first() or cls(tenant_id=require_tenant())


class MemberDay(TenantModel):
    """What one member did on one local day: client events, orders and their amount. Made in SQL (migration 0001).

    The same figures as members_daily, but by day first: a period is one range of the key.
    """

    day = models.DateField()
    member_id = models.BigIntegerField(primary_key=True)  # for Django; in the database the key is tenant, day, member
    events = models.IntegerField()
    orders = models.IntegerField()
    revenue = models.DecimalField(max_digits=24, decimal_places=4)

    class Meta:
        managed = False
        db_table = "analytics_memberday"

    def __str__(self) -> str:
        return f"{self.member_id} {self.day}"


class MemberSummary(TenantModel):
    """One member from the first day to the last. `cohort` is the first day of the month of the first order."""

    member_id = models.BigIntegerField(primary_key=True)
    first_seen_day = models.DateField(null=True)
    first_active_day = models.DateField(null=True)
    last_active_day = models.DateField(null=True)
    first_order_day = models.DateField(null=True)
    cohort = models.DateField(null=True)
    orders = models.IntegerField(default=0)
    revenue = models.DecimalField(max_digits=24, decimal_places=4, default=0)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "first_seen_day"], name="summary_by_first_seen"),
            models.Index(fields=["tenant", "first_order_day"], name="summary_by_first_order"),
        ]

    def __str__(self) -> str:
        return str(self.member_id)


class Grain(models.TextChoices):
    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")
    TOTAL = "total", _("whole period")  # never stored


class PeriodTotals(TenantModel):
    """One local day, week (from Monday) or month of the whole workspace. Members are counted once in each period.

    `base` and `lost` stand at months only: members active at the month's start, and those of them who were lost by the
    end of `churn_until`, which is the month's last day, or yesterday while the month is running.
    """

    grain = models.CharField(max_length=5, choices=Grain)
    start = models.DateField()
    events = models.BigIntegerField()
    active = models.IntegerField()
    orders = models.IntegerField()
    revenue = models.DecimalField(max_digits=24, decimal_places=4)
    buyers = models.IntegerField()
    repeat_buyers = models.IntegerField()  # two orders or more in the period
    returning_buyers = models.IntegerField()  # bought in the period before as well; weeks and months only
    new_members = models.IntegerField()
    new_customers = models.IntegerField()
    base = models.IntegerField(null=True)
    lost = models.IntegerField(null=True)
    churn_until = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "grain", "start"], name="period_totals_once")]

    def __str__(self) -> str:
        return f"{self.grain} {self.start}"


class CohortCell(TenantModel):
    """How many members of a cohort (month of the first order) bought in a month, and how much."""

    cohort = models.DateField()
    month = models.DateField()
    buyers = models.IntegerField()
    orders = models.IntegerField()
    revenue = models.DecimalField(max_digits=24, decimal_places=4)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "month", "cohort"], name="cohort_cell_once")]

    def __str__(self) -> str:
        return f"{self.cohort} {self.month}"


class DailySize(TenantModel):
    """How many members a segment or stage had at the last look on a local day. Written each night and with roll-ups."""

    class Kind(models.TextChoices):
        MEMBERS = "members", _("all members")
        SEGMENT = "segment", _("segment")
        STAGE = "stage", _("lifecycle stage")

    day = models.DateField()
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.IntegerField()  # id of the segment or stage; 0 for members without one
    size = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "day", "key"], name="daily_size_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} {self.day}"


class StaleDay(TenantModel):
    """A local day on which something changed since it was rolled up."""

    day = models.DateField(primary_key=True)

    def __str__(self) -> str:
        return str(self.day)


class RollupState(TenantModel):
    """How far the roll-ups of the workspace are. `night` is the local day whose nightly work is done.

    Days were cut in `time_zone`: when the workspace moves to another one, everything is rebuilt.
    """

    night = models.DateField(null=True)
    time_zone = models.CharField(max_length=50, blank=True)
    rolled_at = models.DateTimeField(null=True)
    sized_at = models.DateTimeField(null=True)
    rebuild_requested_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="rollup_state_once")]

    def __str__(self) -> str:
        return f"{self.night}"


class RfmGrid(TenantModel):
    """One night's recency, frequency and money of all buyers, and the cut points that it froze.

    `cuts` holds for each of r, f and m five numbers: the limit of score 1 to 5. For r it is the greatest number of days
    since the last purchase that still has the score or a better one, for f and m the least number of orders, or amount.
    """

    day = models.DateField()
    computed_at = models.DateTimeField()
    window_days = models.PositiveSmallIntegerField()
    event = models.CharField(max_length=64)
    buyers = models.IntegerField()
    cuts = models.JSONField(default=dict)
    stale = models.BooleanField(default=False)  # asked to be computed anew

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "day"], name="rfm_grid_once")]

    def __str__(self) -> str:
        return str(self.day)


class RfmScore(TenantModel):
    """A buyer in the newest RfmGrid. `last_at` is the last purchase; scores are 1 to 5, 5 is best."""

    member_id = models.BigIntegerField(primary_key=True)
    last_at = models.DateTimeField()
    orders = models.IntegerField()
    amount = models.DecimalField(max_digits=24, decimal_places=4)
    r = models.PositiveSmallIntegerField()
    f = models.PositiveSmallIntegerField()
    m = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "r", "f", "member_id"], name="rfm_score_by_cell")]

    def __str__(self) -> str:
        return f"{self.member_id} {self.r}{self.f}{self.m}"
