"""Who was erased, as numbers: what a restored backup has to forget again."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from urm.tenancy.models import TenantModel


class Erasure(TenantModel):
    """One erased member. The same entry lies in the file storage, where a restored database does not reach."""

    member_id = models.BigIntegerField(_("member's number"))
    requested_at = models.DateTimeField(_("requested at"), null=True)
    erased_at = models.DateTimeField(_("erased at"), default=timezone.now)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        constraints = [models.UniqueConstraint(fields=["tenant", "member_id"], name="erasure_once")]

    def __str__(self) -> str:
        return f"#{self.member_id}"
