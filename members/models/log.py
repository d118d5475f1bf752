"""The inbox, the event log and what is kept of it per day."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models.member import Member
from urm.tenancy.models import TenantForeignKey, TenantModel


class InboxEntry(TenantModel):
    """One accepted request: `body` is the JSON array of its items in the form that `members.actions.accept` writes."""

    received_at = models.DateTimeField(default=timezone.now)
    items = models.IntegerField()
    body = models.TextField()

    def __str__(self) -> str:
        return f"{self.items} items"


class EventName(TenantModel):
    """The registry of event names: the log holds their small ids. `platform` names begin with `urm.`.

    `count`, `last_at` (when the latest of them happened) and `has_amount` follow the log within moments; see
    EventProperty for what its events carry.
    """

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=64)
    platform = models.BooleanField(_("made by the platform"), default=False)
    created_at = models.DateTimeField(_("first seen at"), default=timezone.now, editable=False)
    count = models.BigIntegerField(_("events"), default=0, db_default=0, editable=False)
    last_at = models.DateTimeField(_("last seen"), null=True, editable=False)
    has_amount = models.BooleanField(_("with amounts"), default=False, db_default=False, editable=False)
    label_en = models.CharField(_("label (English)"), max_length=100, blank=True, db_default="")
    label_zh = models.CharField(_("label (Chinese)"), max_length=100, blank=True, db_default="")
    description = models.CharField(_("description"), max_length=300, blank=True, db_default="")
    hidden = models.BooleanField(
        _("hidden"), default=False, db_default=False, help_text=_("Not offered when rules are written.")
    )
    strict = models.BooleanField(
        _("strict"),
        default=False,
        db_default=False,
        help_text=_("Events with a property that is not listed below, or of another type, are parked."),
    )

    class Meta:
        verbose_name = _("event name")
        verbose_name_plural = _("events")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="event_name_once")]

    def __str__(self) -> str:
        return self.name


class Event(TenantModel):
    """The log, partitioned by month of `received_at`; made in SQL (migration 0002). Append-only for the platform.

    Nothing refers to it by foreign key; `member_id` stays as written even when members merge. `amount` is only ever
    set on trusted events. Read it in order by (`received_at`, `id`): per tenant both only grow.
    """

    received_at = models.DateTimeField(_("received at"))
    member_id = models.BigIntegerField()
    name_id = models.IntegerField()
    occurred_at = models.DateTimeField(_("occurred at"))
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=4, null=True)
    properties = models.JSONField(_("properties"), default=dict)
    trusted = models.BooleanField(_("trusted"))

    class Meta:
        managed = False
        db_table = "members_event"
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.name_id} {self.occurred_at:%Y-%m-%d %H:%M}"


class EventKey(TenantModel):
    """Ids of all events ever taken, so that none is taken twice: first 16 bytes of the SHA-256 of the client's id.

    `event_id` is the id in the log; empty once the event was deleted.
    """

    key = models.UUIDField(primary_key=True)
    event_id = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return str(self.key)


class DailyCount(TenantModel):
    """Per member, event name and local day of the workspace; made in SQL (migration 0002), covering index included."""

    member_id = models.BigIntegerField(primary_key=True)  # for Django; in the database the key has four columns
    name_id = models.IntegerField()
    day = models.DateField()
    count = models.IntegerField()
    amount_count = models.IntegerField()
    amount_sum = models.DecimalField(max_digits=24, decimal_places=4, null=True)
    amount_min = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    amount_max = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "members_daily"

    def __str__(self) -> str:
        return f"{self.member_id} {self.name_id} {self.day}"


class Cursor(TenantModel):
    """How far a consumer has read the log; moved in the transaction that holds its effects."""

    consumer = models.CharField(max_length=60)
    received_at = models.DateTimeField()
    event_id = models.BigIntegerField(default=0)
    absorbed = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "consumer"], name="cursor_once")]

    def __str__(self) -> str:
        return self.consumer


class ParkedEvent(TenantModel):
    """An event that some consumer could not digest, kept with the reason until staff retry or drop it."""

    consumer = models.CharField(_("consumer"), max_length=60)
    member = TenantForeignKey(Member, models.CASCADE, null=True, related_name="parked_events", verbose_name=_("member"))
    received_at = models.DateTimeField(_("received at"))
    event_id = models.BigIntegerField(null=True)
    body = models.JSONField(_("content"), default=dict)
    reason = models.TextField(_("reason"))
    parked_at = models.DateTimeField(_("parked at"), default=timezone.now)

    class Meta:
        verbose_name = _("parked event")
        verbose_name_plural = _("parked events")
        indexes = [
            models.Index(fields=["tenant", "-parked_at"], name="parked_by_time"),
            models.Index(fields=["tenant", "member"], name="parked_by_member"),
        ]

    def __str__(self) -> str:
        return f"{self.consumer}: {self.reason[:80]}"
