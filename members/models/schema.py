"""What the workspace's events look like: learned from the log, named and ruled by staff."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models.log import EventName
from urm.tenancy.models import TenantForeignKey, TenantModel


class EventProperty(TenantModel):
    """A property that events of one name were seen with.

    `type` is what came first, or what staff say; `seen_types` are all that came, in order of appearance. Where they
    disagree, rules that read it as one type do not see the values of the others.
    """

    class Type(models.TextChoices):
        TEXT = "text", _("text")
        NUMBER = "number", _("number")
        BOOLEAN = "boolean", _("yes or no")
        DATETIME = "datetime", _("date and time")
        LIST = "list", _("list")
        OBJECT = "object", _("object")

    event = TenantForeignKey(EventName, models.CASCADE, related_name="properties", verbose_name=_("event"))
    name = models.CharField(_("name"), max_length=100)
    type = models.CharField(_("type"), max_length=10, choices=Type)
    seen_types = ArrayField(models.CharField(max_length=10), default=list, verbose_name=_("types seen"), editable=False)
    conflict_at = models.DateTimeField(_("another type first came at"), null=True, editable=False)
    first_at = models.DateTimeField(_("first seen at"), default=timezone.now, editable=False)
    last_at = models.DateTimeField(_("last seen at"), default=timezone.now, editable=False)
    label_en = models.CharField(_("label (English)"), max_length=100, blank=True)
    label_zh = models.CharField(_("label (Chinese)"), max_length=100, blank=True)
    description = models.CharField(_("description"), max_length=300, blank=True)
    hidden = models.BooleanField(_("hidden"), default=False, help_text=_("Not offered when rules are written."))
    personal = models.BooleanField(
        _("personal data"), default=False, help_text=_("Its values are never shown as examples.")
    )

    class Meta:
        verbose_name = _("event property")
        verbose_name_plural = _("event properties")
        constraints = [models.UniqueConstraint(fields=["tenant", "event", "name"], name="event_property_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def seen_labels(self) -> str:
        return ", ".join(str(self.Type(kind).label) for kind in self.seen_types)
