"""Imports: the file that was given, what was to be done with it, and what became of each of its rows."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from urm.tenancy.models import TenantModel


class Import(TenantModel):
    """A file of members on its way in.

    `columns` has one object per column of the file: `header`, `samples`, `target` (see members.actions.imports.targets;
    "" is not used), and for a new attribute its `type` and `label`. `options`: `match` (kinds of identity that find a
    member besides the external id), `country` (of phone numbers without code), `tags` for everybody, `consent_source`,
    `consent_wording`, `day_first`. `counts`: rows by outcome, and after an undo what it restored and what it left.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("to be mapped")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")

    class Mode(models.TextChoices):
        OVERWRITE = "overwrite", _("add new members and overwrite what is known")
        FILL = "fill", _("add new members and fill blanks only")
        UPDATE = "update", _("only members that exist already")
        CREATE = "create", _("only members that are new")

    name = models.CharField(_("file"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    mode = models.CharField(_("mode"), max_length=10, choices=Mode, default=Mode.OVERWRITE)
    format = models.CharField(_("format"), max_length=5)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    delimiter = models.CharField(_("separator"), max_length=1, blank=True)
    columns = models.JSONField(default=list)
    options = models.JSONField(default=dict)
    rows = models.BigIntegerField(_("rows"), null=True)
    counts = models.JSONField(default=dict)
    # Files and jobs run out and are deleted before the import is.
    file_id = models.BigIntegerField()
    error_file_id = models.BigIntegerField(null=True)
    job_id = models.BigIntegerField(null=True)
    created_by = models.CharField(_("by"), max_length=200)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    # Until when the rows are kept, and with them the way back.
    undo_until = models.DateTimeField(_("can be undone until"), null=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="import_newest")]

    def __str__(self) -> str:
        return self.name


class ImportRow(TenantModel):
    """A row of an import's file. `id` is the import's times 2³² plus the row's number, so that rows lie in their order.

    `key` is what identifies the row in its file: two rows with the same are a mistake. `values` are profile fields and
    `attributes.<name>`; `before` and `after` hold those that were really changed, `made` the tags, identities and
    consents that were really added; `fate` is what an undo did. `raw` is kept of rows with problems only. Holds
    personal data.
    """

    class Outcome(models.TextChoices):
        NEW = "new", _("new")
        CHANGED = "changed", _("changed")
        SAME = "same", _("unchanged")
        SKIPPED = "skipped", _("left out by the mode")
        ERROR = "error", _("with problems")

    id = models.BigIntegerField(primary_key=True)
    import_id = models.BigIntegerField()
    key = models.TextField(null=True)
    outcome = models.CharField(max_length=7, choices=Outcome)
    member_id = models.BigIntegerField(null=True)
    values = models.JSONField()
    identities = models.JSONField()
    tags = models.JSONField(null=True)
    consents = models.JSONField(null=True)
    raw = models.JSONField(null=True)
    problems = models.JSONField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    made = models.JSONField(null=True)
    applied_at = models.DateTimeField(null=True)
    fate = models.CharField(max_length=20, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "import_id", "key"],
                condition=models.Q(key__isnull=False),
                name="import_row_key_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "import_id", "id"], name="import_row_problems", condition=models.Q(outcome="error")
            )
        ]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def number(self) -> int:
        return int(self.id) & 0xFFFF_FFFF
