from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from urm.jobs.kinds import kind_of
from urm.tenancy.models import TenantModel


class Job(TenantModel):
    """Long work of one kind: what was asked for, how far it is, what came of it. See urm.jobs.

    `position` is the step's own note of where to go on. `message` is an English source from the catalogue,
    `message_values` what it names: read `shown_message`.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    kind = models.CharField(_("kind"), max_length=60)
    label = models.CharField(_("name"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    parameters = models.JSONField(_("parameters"), default=dict)
    position = models.JSONField(default=dict)
    total = models.BigIntegerField(_("total"), null=True)
    done = models.BigIntegerField(_("done"), default=0)
    message = models.TextField(_("message"), default="", blank=True)
    message_values = models.JSONField(default=dict)
    result = models.JSONField(_("result"), default=dict)
    started_by_kind = models.CharField(max_length=10)
    started_by_id = models.BigIntegerField(null=True)
    started_by = models.CharField(_("started by"), max_length=200)
    cancel_requested = models.BooleanField(_("to be cancelled"), default=False)
    attempts = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True)
    stepped_at = models.DateTimeField(_("last step at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    OPEN = (State.QUEUED, State.RUNNING)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="job_newest"),
            models.Index(
                fields=["tenant", "stepped_at"], name="job_open", condition=models.Q(state__in=["queued", "running"])
            ),
        ]

    def __str__(self) -> str:
        if not self.label:
            return self.kind_label
        return gettext("%(kind)s: %(name)s") % {"kind": self.kind_label, "name": self.label}

    @property
    def kind_label(self) -> str:
        kind = kind_of(self.kind)
        return str(kind.label) if kind else self.kind

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def shown_message(self) -> str:
        """The message in the reader's language."""
        if not self.message:
            return ""
        return gettext(self.message) % self.message_values if self.message_values else gettext(self.message)

    def say(self, text: str, **values: Any) -> None:
        """Set the message: an English source from the catalogue (`gettext_noop`) and the values it names."""
        self.message, self.message_values = text, values

    def is_cancel_requested(self) -> bool:
        """Ask the database now: for steps that take longer."""
        return Job.objects.filter(pk=self.pk, cancel_requested=True).exists()


class File(TenantModel):
    """A file that staff uploaded or a job wrote. Its content lies in numbered parts in the storage: see urm.jobs.files.

    After `expires_at` nobody can download it, and its content is deleted.
    """

    name = models.CharField(_("name"), max_length=200)
    content_type = models.CharField(_("type"), max_length=100)
    folder = models.CharField(max_length=100)
    parts = models.IntegerField(default=0)
    size = models.BigIntegerField(_("size"), default=0)
    capability = models.CharField(max_length=40)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        indexes = [models.Index(fields=["tenant", "expires_at"], name="file_by_expiry")]

    def __str__(self) -> str:
        return self.name
