"""What a member allows, in which words, and which addresses must never be written to."""

import hashlib

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.models.member import Member
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant, TenantForeignKey, TenantModel

PURPOSE_KEY = RegexValidator(r"^[a-z][a-z0-9_]{0,39}$", _("Small letters, digits and _; it begins with a letter."))


class Channel(models.TextChoices):
    EMAIL = "email", _("e-mail")
    SMS = "sms", _("SMS")
    PUSH = "push", _("push")


class ConsentPurpose(TenantModel):
    """What members are asked to allow. A purpose that a consent names for the first time is registered by that."""

    key = models.CharField(
        _("key"),
        max_length=40,
        validators=[PURPOSE_KEY],
        help_text=_("As rules and the API name it, such as marketing; it never changes."),
    )
    name_en = models.CharField(_("name (English)"), max_length=100)
    name_zh = models.CharField(_("name (Chinese)"), max_length=100, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=10)
    double_opt_in = models.BooleanField(
        _("double opt-in"),
        default=False,
        help_text=_("Consent by e-mail holds once the member has opened a link that is sent to it."),
    )
    offered = models.BooleanField(
        _("offered in the preference centre"),
        default=True,
        help_text=_("What a member has consented to is always shown there, so that it can be withdrawn."),
    )

    class Meta:
        verbose_name = _("consent purpose")
        verbose_name_plural = _("consent purposes")
        ordering = ["position", "key"]
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="consent_purpose_once")]

    def __str__(self) -> str:
        return (self.name_zh if (get_language() or "").startswith("zh") else "") or self.name_en


class ConsentWording(TenantModel):
    """The words that members agree to, in one language. Append-only: other words are a new version."""

    purpose = TenantForeignKey(ConsentPurpose, models.PROTECT, related_name="wordings", verbose_name=_("purpose"))
    language = models.CharField(_("language"), max_length=10, choices=Tenant.Language)
    version = models.PositiveIntegerField(_("version"), editable=False)
    text = models.TextField(_("text"), max_length=2000)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    created_by = models.CharField(_("created by"), max_length=200, editable=False)

    class Meta:
        verbose_name = _("consent wording")
        verbose_name_plural = _("consent wordings")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "purpose", "language", "version"], name="consent_wording_once")
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """What a ConsentRecord keeps as its wording, such as `marketing/zh-hans/2`."""
        return f"{self.purpose.key}/{self.language}/{self.version}"


class ConsentRecord(TenantModel):
    """One statement of consent or its withdrawal: append-only proof of who, when, where and in which words.

    `proof` says what ties the statement to the person where more than the sender's word does: the confirmation whose
    link was opened, and a fingerprint of the address it had been sent to.
    """

    member = TenantForeignKey(Member, models.PROTECT, related_name="consent_records", verbose_name=_("member"))
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=40)
    granted = models.BooleanField(_("granted"))
    at = models.DateTimeField(_("at"))
    source = models.CharField(_("source"), max_length=100)
    wording = models.CharField(_("wording version"), max_length=200, blank=True)
    recorded_by = models.CharField(_("recorded by"), max_length=200)
    proof = models.CharField(_("proof"), max_length=200, blank=True, default="", db_default="")

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
    """An address that gets nothing, whatever is consented: bounced, complained, or on request.

    It is recognised by `digest`; `address` is for staff to read and goes when the person is erased.
    """

    class Reason(models.TextChoices):
        BOUNCED = "bounced", _("the mail server says that the address does not exist")
        COMPLAINED = "complained", _("complained about a message")
        REQUESTED = "requested", _("on request")

    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    address = models.CharField(_("address"), max_length=254, null=True)
    digest = models.BinaryField(max_length=32, editable=False)
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppression list")
        constraints = [models.UniqueConstraint(fields=["tenant", "channel", "digest"], name="suppression_digest_once")]
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="suppression_newest")]

    def __str__(self) -> str:
        return self.address or f"{self.channel} {bytes(self.digest).hex()[:12]}…"

    @staticmethod
    def digest_of(channel: str, address: str) -> bytes:
        """SHA-256 of "workspace:channel:address" in small letters; `members.queries.permission` says it in SQL."""
        return hashlib.sha256(f"{require_tenant()}:{channel}:{address.strip().lower()}".encode()).digest()
