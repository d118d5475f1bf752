"""What a member allows, and which addresses must never be written to."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.member import Member
from urm.tenancy.models import TenantForeignKey, TenantModel


class Channel(models.TextChoices):
    EMAIL = "email", _("e-mail")
    SMS = "sms", _("SMS")
    PUSH = "push", _("push")


class ConsentRecord(TenantModel):
    """One statement of consent or its withdrawal: append-only proof of who, when, where and in which words."""

    member = TenantForeignKey(Member, models.PROTECT, related_name="consent_records", verbose_name=_("member"))
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=40)
    granted = models.BooleanField(_("granted"))
    at = models.DateTimeField(_("at"))
    source = models.CharField(_("source"), max_length=100)
    wording = models.CharField(_("wording version"), max_length=200, blank=True)
    recorded_by = models.CharField(_("recorded by"), max_length=200)

    class Meta:
        verbose_name = _("consent record")
        verbose_name_plural = _("consent records")
        indexes = [models.Index(fields=["tenant", "member", "-at"], name="consent_record_by_member")]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose}: {'granted' if self.granted else 'withdrawn'}"


class Consent(TenantModel):
    """What the newest ConsentRecord of a member, channel and purpose says; kept apart so that rules stay fast."""

    member = TenantForeignKey(Member, models.CASCADE, related_name="consents", verbose_name=_("member"))
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=40)
    granted = models.BooleanField(_("granted"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "member", "channel", "purpose"], name="consent_once"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose}: {'granted' if self.granted else 'withdrawn'}"


class Suppression(TenantModel):
    """An address that gets nothing, whatever is consented: bounced, complained, or on request."""

    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    address = models.CharField(_("address"), max_length=254)
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppression list")
        constraints = [models.UniqueConstraint(fields=["tenant", "channel", "address"], name="suppression_once")]

    def __str__(self) -> str:
        return self.address
