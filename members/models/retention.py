"""For how long a workspace keeps what."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from urm.tenancy.models import TenantModel


class RetentionPeriod(TenantModel):
    """Days after which data of a kind goes; a kind without a row is kept for ever. See urm.privacy.retention.

    `ran_on` is the last local day on which the night's turn is through, `removed` what it took that night.
    """

    kind = models.CharField(_("kind"), max_length=40)
    days = models.PositiveIntegerField(_("days"))
    ran_on = models.DateField(_("last night"), null=True)
    removed = models.BigIntegerField(_("removed"), default=0)

    class Meta:
        verbose_name = _("retention period")
        verbose_name_plural = _("retention periods")
        constraints = [models.UniqueConstraint(fields=["tenant", "kind"], name="retention_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.days}"
