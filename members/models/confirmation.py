"""What holds only once a member has opened the link that was sent to their address."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models.consent import Channel
from members.models.member import Member
from urm.tenancy.models import TenantForeignKey, TenantModel


class Confirmation(TenantModel):
    """One question sent to a member by e-mail: is this consent yours, do you want your data, shall we erase you.

    queued → sending → sent | failed | skipped. Sent twice after a crash rather than not at all: confirming twice
    changes nothing. `due_at` is when a worker has to look at it again.
    """

    class Kind(models.TextChoices):
        CONSENT = "consent", _("consent")
        DOWNLOAD = "download", _("download of one's data")
        ERASURE = "erasure", _("erasure")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("being handed over")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("not sent")

    member = TenantForeignKey(Member, models.CASCADE, related_name="confirmations", verbose_name=_("member"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    address = models.CharField(_("address"), max_length=254)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel, blank=True)
    purpose = models.CharField(_("purpose"), max_length=40, blank=True)
    source = models.CharField(_("source"), max_length=100, blank=True)
    wording = models.CharField(_("wording version"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    expires_at = models.DateTimeField(_("link valid until"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    sent_at = models.DateTimeField(_("sent at"), null=True)

    class Meta:
        verbose_name = _("confirmation")
        verbose_name_plural = _("confirmations")
        indexes = [
            models.Index(fields=["tenant", "member", "kind"], name="confirmation_by_member"),
            models.Index(
                fields=["tenant", "due_at"], name="confirmation_due", condition=models.Q(due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.confirmed_at is None and self.expires_at > timezone.now()
