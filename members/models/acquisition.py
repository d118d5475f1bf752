"""Where members come from."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models.member import Member
from urm.tenancy.models import TenantForeignKey, TenantModel, TenantOneToOneField


class AcquisitionSource(TenantModel):
    """Something that brings people: a QR code, a store, a campaign, another site. `Member.source` is a code."""

    class Kind(models.TextChoices):
        QR = "qr", _("QR code")
        STORE = "store", _("store")
        LINK = "link", _("link")
        CAMPAIGN = "campaign", _("campaign (UTM)")
        REFERRER = "referrer", _("referring site")
        OTHER = "other", _("other")

    code = models.CharField(_("code"), max_length=100, help_text=_("Stands in links as ?src=CODE; lower case."))
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.LINK)
    landing_url = models.URLField(
        _("landing page"), blank=True, max_length=1000, help_text=_("Where its link and its QR code lead.")
    )
    learned = models.BooleanField(_("found by itself"), default=False, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("acquisition source")
        verbose_name_plural = _("acquisition sources")
        constraints = [models.UniqueConstraint(fields=["tenant", "code"], name="acquisition_source_once")]

    def __str__(self) -> str:
        return self.name or self.code


class MemberAcquisition(TenantModel):
    """The first touch of a member that names a source, with its details. `at` is when that event happened."""

    member = TenantOneToOneField(Member, models.CASCADE, primary_key=True, related_name="acquisition")
    source = TenantForeignKey(
        AcquisitionSource, models.PROTECT, related_name="acquisitions", verbose_name=_("acquisition source")
    )
    at = models.DateTimeField(_("at"))
    medium = models.CharField(_("medium"), max_length=200, blank=True)
    campaign = models.CharField(_("campaign"), max_length=200, blank=True)
    term = models.CharField(_("term"), max_length=200, blank=True)
    content = models.CharField(_("content"), max_length=200, blank=True)
    referrer = models.CharField(_("referring site"), max_length=200, blank=True)
    landing_page = models.CharField(_("landing page"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("acquisition of a member")
        verbose_name_plural = _("acquisitions of members")
        indexes = [models.Index(fields=["tenant", "source"], name="acquisition_by_source")]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.source_id}"
