"""Segments kept current outside."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from segments.models.rules import Segment
from urm.tenancy.models import TenantForeignKey, TenantModel


class AudienceSync(TenantModel):
    """A segment that is kept current elsewhere: at a webhook, or as files in a store that the operator named.

    `next_at` is when it is looked at next, `leased_until` keeps a second worker away meanwhile. A running full export
    goes on after member `page_after`. `secret` signs webhooks and is stored encrypted (urm.lib.secrets).
    """

    class Destination(models.TextChoices):
        WEBHOOK = "webhook", _("webhook")
        STORE = "store", _("files")

    class Mode(models.TextChoices):
        CHANGE = "change", _("on every change")
        SCHEDULE = "schedule", _("everything, by schedule")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        PARQUET = "parquet", "Parquet"

    name = models.CharField(_("name"), max_length=100)
    segment = TenantForeignKey(Segment, models.CASCADE, related_name="audience_syncs", verbose_name=_("segment"))
    destination = models.CharField(_("destination"), max_length=10, choices=Destination)
    mode = models.CharField(_("when"), max_length=10, choices=Mode, default=Mode.CHANGE)
    every_hours = models.PositiveSmallIntegerField(_("every so many hours"), default=24)
    url = models.URLField(_("address"), max_length=1000, blank=True)
    store = models.CharField(_("store"), max_length=60, blank=True)
    format = models.CharField(_("format"), max_length=10, choices=Format, default=Format.CSV)
    fields = ArrayField(models.CharField(max_length=30), default=list, blank=True, verbose_name=_("fields"))
    secret = models.TextField(blank=True, editable=False)
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    next_at = models.DateTimeField(_("next try"), default=timezone.now, editable=False)
    looked_at = models.DateTimeField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    last_number = models.IntegerField(default=0, editable=False)
    page_after = models.BigIntegerField(null=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    failures = models.IntegerField(default=0, editable=False)
    problem = models.CharField(_("problem"), max_length=300, blank=True, editable=False)
    delivered_at = models.DateTimeField(_("last delivered"), null=True, editable=False)

    class Meta:
        verbose_name = _("audience sync")
        verbose_name_plural = _("audience syncs")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="audience_sync_name_once")]
        indexes = [
            models.Index(fields=["tenant", "next_at"], name="audience_sync_due", condition=models.Q(active=True))
        ]

    def __str__(self) -> str:
        return self.name


class SyncedMember(TenantModel):
    """A member whom the outside knows to be in the segment, under the external id that it was told."""

    sync = TenantForeignKey(AudienceSync, models.CASCADE, related_name="synced", verbose_name=_("audience sync"))
    member_id = models.BigIntegerField()
    external_id = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "sync", "member_id"], name="synced_member_once")]

    def __str__(self) -> str:
        return f"{self.sync_id}: {self.member_id}"


class SyncBatch(TenantModel):
    """What is sent at once, under a key that stays the same however often it is tried; afterwards the log of it.

    `added` and `removed` are lists of [member id, external id], emptied once the batch is through.
    """

    class Kind(models.TextChoices):
        CHANGE = "change", _("change")
        FULL = "full", _("full export")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given_up", _("given up")

    sync = TenantForeignKey(AudienceSync, models.CASCADE, related_name="batches", verbose_name=_("audience sync"))
    number = models.IntegerField(_("number"))
    key = models.UUIDField()
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    last = models.BooleanField(default=True)  # of a full export
    added = models.JSONField(default=list)
    removed = models.JSONField(default=list)
    added_count = models.IntegerField(_("added"), default=0)
    removed_count = models.IntegerField(_("removed"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    attempts = models.IntegerField(_("attempts"), default=0)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    tried_at = models.DateTimeField(_("last tried"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)

    class Meta:
        verbose_name = _("batch of an audience sync")
        verbose_name_plural = _("batches of audience syncs")
        constraints = [models.UniqueConstraint(fields=["tenant", "sync", "number"], name="sync_batch_once")]

    def __str__(self) -> str:
        return f"{self.sync_id}/{self.number}"
