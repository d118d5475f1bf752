"""Messages, campaigns, their runs and the one decision per run and member."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models.consent import Channel
from segments.models import Segment
from urm.tenancy.models import TenantForeignKey, TenantModel, validate_time_zone


class Message(TenantModel):
    """What is said, as a template. Once a campaign with it is under way, it can no longer be changed."""

    class Format(models.TextChoices):
        HTML = "html", "HTML"
        MJML = "mjml", "MJML"

    name = models.CharField(_("name"), max_length=100)
    subject = models.CharField(_("subject"), max_length=300)
    format = models.CharField(_("written in"), max_length=4, choices=Format, default=Format.HTML)
    body = models.TextField(_("body"))
    text = models.TextField(
        _("plain text"),
        blank=True,
        help_text=_("For mail programs without HTML. Left empty, it is made from the body."),
    )
    sender_name = models.CharField(
        _("sender's name"), max_length=100, blank=True, help_text=_("Left empty, it is the workspace's name.")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="message_newest")]

    def __str__(self) -> str:
        return self.name


class Campaign(TenantModel):
    """One message for one segment. `scheduled_at` is the moment in UTC that the local time means in the time zone."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SCHEDULED = "scheduled", _("scheduled")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")

    name = models.CharField(_("name"), max_length=100)
    segment = TenantForeignKey(Segment, models.PROTECT, related_name="campaigns", verbose_name=_("segment"))
    message = TenantForeignKey(Message, models.PROTECT, related_name="campaigns", verbose_name=_("message"))
    channel = models.CharField(
        _("channel"), max_length=20, choices=[(Channel.EMAIL.value, Channel.EMAIL.label)], default=Channel.EMAIL
    )
    purpose = models.CharField(
        _("purpose"),
        max_length=40,
        default="marketing",
        help_text=_("Only members who consented to it are written to."),
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT, editable=False)
    scheduled_at = models.DateTimeField(_("goes out at"), null=True, editable=False)
    local_time = models.CharField(_("local time"), max_length=16, blank=True, editable=False)  # 2026-03-29T02:30
    time_zone = models.CharField(
        _("time zone"), max_length=50, blank=True, editable=False, validators=[validate_time_zone]
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    created_by = models.CharField(_("created by"), max_length=200, editable=False)
    launched_at = models.DateTimeField(_("launched at"), null=True, editable=False)
    launched_by = models.CharField(_("launched by"), max_length=200, blank=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="campaign_newest"),
            models.Index(fields=["tenant", "scheduled_at"], name="campaign_due", condition=models.Q(state="scheduled")),
        ]

    def __str__(self) -> str:
        return self.name


class Run(TenantModel):
    """One firing of a campaign. That a fire time occurs once is what makes two schedulers harmless."""

    campaign = TenantForeignKey(Campaign, models.CASCADE, related_name="runs", verbose_name=_("campaign"))
    fire_at = models.DateTimeField(_("fire time"))
    audience = models.IntegerField(_("members in the segment"), default=0)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    # Versions of the segment's value proposition when the run began, by language: these go into its messages.
    propositions = models.JSONField(_("versions of the value proposition"), default=dict)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [models.UniqueConstraint(fields=["tenant", "campaign", "fire_at"], name="run_once_per_fire_time")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.fire_at:%Y-%m-%d %H:%M}"


class Link(TenantModel):
    """Where the click address with this number leads: redirects know no other targets than these."""

    campaign = TenantForeignKey(Campaign, models.CASCADE, related_name="links", verbose_name=_("campaign"))
    number = models.SmallIntegerField(_("number"))
    url = models.TextField(_("address"))

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [models.UniqueConstraint(fields=["tenant", "campaign", "number"], name="link_number_once")]

    def __str__(self) -> str:
        return self.url


class Delivery(TenantModel):
    """The decision about one member in one run, and what became of it; made in SQL (migration 0002).

    The database's key is (tenant, run, member): one decision, ever. No foreign keys: half a million rows are decided by
    one statement, and like the log they keep the member's number as it was. Always ask by run.

    `due_at` is when a worker has to look at the row again: when it may be sent, or when the lease of its claim ends;
    empty once nothing is left to do. `token` is the claim's. `detail` holds the server's words, without the address.
    `moved_from` is the member who brought it along in a merge, and who gets it back when that is taken back.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        CLAIMED = "claimed", _("being prepared")
        SENDING = "sending", _("being handed over")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("unknown")
        SKIPPED = "skipped", _("not sent")

    class Reason(models.TextChoices):
        ERASED = "erased", _("erased or asked for it")
        MERGED = "merged", _("merged into another member")
        NO_ADDRESS = "no_address", _("no address")
        NO_CONSENT = "no_consent", _("no consent")
        SUPPRESSED = "suppressed", _("on the suppression list")
        CANCELLED = "cancelled", _("campaign cancelled")
        BAD_ADDRESS = "bad_address", _("address cannot be written to")
        TEMPLATE = "template", _("message could not be rendered")
        REFUSED = "refused", _("refused by the mail server")
        GAVE_UP = "gave_up", _("mail server not reached in time")

    member_id = models.BigIntegerField(primary_key=True)  # for Django; in the database the key has three columns
    run_id = models.BigIntegerField()
    state = models.CharField(_("state"), max_length=10, choices=State)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, null=True)
    detail = models.CharField(_("answer of the mail server"), max_length=300, null=True)
    attempts = models.SmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(null=True)
    token = models.BigIntegerField(null=True)
    moved_from = models.BigIntegerField(null=True)
    sent_at = models.DateTimeField(_("sent at"), null=True)
    opened_at = models.DateTimeField(_("opened at"), null=True)
    machine_opened_at = models.DateTimeField(_("opened by a machine at"), null=True)
    clicked_at = models.DateTimeField(_("clicked at"), null=True)
    clicked_links = ArrayField(models.SmallIntegerField(), null=True)
    unsubscribed_at = models.DateTimeField(_("unsubscribed at"), null=True)

    class Meta:
        managed = False
        db_table = "campaigns_delivery"
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")

    def __str__(self) -> str:
        return f"{self.run_id}/{self.member_id}: {self.state}"
