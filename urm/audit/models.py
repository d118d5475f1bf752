from django.db import models
from django.utils.translation import gettext_lazy as _

from urm.tenancy.models import TenantModel


class AuditEntry(TenantModel):
    """One write: before and after hold only the fields that changed. Append-only for the application role."""

    class ActorKind(models.TextChoices):
        STAFF = "staff", _("staff")
        KEY = "key", _("API key")
        MEMBER = "member", _("member")
        SYSTEM = "system", _("system")

    at = models.DateTimeField(_("at"), auto_now_add=True)
    actor_kind = models.CharField(_("kind of actor"), max_length=10, choices=ActorKind)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(_("by"), max_length=200)
    verb = models.CharField(_("action"), max_length=60)
    target_type = models.CharField(_("kind of object"), max_length=60)
    target_id = models.CharField(max_length=100)
    target_label = models.CharField(_("object"), max_length=200)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["tenant", "-at", "-id"], name="audit_by_time"),
            models.Index(fields=["tenant", "target_type", "target_id", "-at"], name="audit_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} · {self.verb} · {self.target_label}"
