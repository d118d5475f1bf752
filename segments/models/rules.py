"""What marketers define: segments, stages, rule-driven tags, and what is said and wanted of them."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.models import Member, Tag
from urm.tenancy.models import TenantForeignKey, TenantModel, TenantOneToOneField


class Ruled(TenantModel):
    """Something that a rule decides. `stale` rules wait to be computed for all members; until then what they held
    stands. `problem` says why a rule cannot be computed any more."""

    rule = models.JSONField(_("rule"), default=dict)
    stale = models.BooleanField(_("being computed"), default=True, editable=False)
    problem = models.TextField(_("problem"), blank=True, editable=False)

    class Meta:
        abstract = True
        base_manager_name = "objects"


class Segment(Ruled):
    """A group of members: by a rule (dynamic), or a list that was put together (static; its rule stays empty)."""

    class Kind(models.TextChoices):
        DYNAMIC = "dynamic", _("dynamic")
        STATIC = "static", _("static list")

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=500, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.DYNAMIC)
    value_proposition = models.TextField(
        _("value proposition"),
        blank=True,
        max_length=1000,
        help_text=_("What these members get from us, in plain words."),
    )
    # The segment that a snapshot was taken of; it may be gone.
    snapshot_of = models.IntegerField(null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="segment_name_once")]

    def __str__(self) -> str:
        return self.name


class StaticMember(TenantModel):
    """A member on a static list."""

    segment = TenantForeignKey(Segment, models.CASCADE, related_name="static_members", verbose_name=_("segment"))
    member = TenantForeignKey(Member, models.CASCADE, related_name="static_lists", verbose_name=_("member"))
    added_at = models.DateTimeField(_("added at"), default=timezone.now)
    added_by = models.CharField(_("added by"), max_length=200)

    class Meta:
        verbose_name = _("member of a static list")
        verbose_name_plural = _("members of static lists")
        constraints = [models.UniqueConstraint(fields=["tenant", "segment", "member"], name="static_member_once")]
        indexes = [models.Index(fields=["tenant", "member"], name="static_member_by_member")]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.member_id}"


class Stage(Ruled):
    """A lifecycle stage. Rules are tried in the order of `position`, the first that holds decides; `flow` is the
    stage's place in the life of a member, for pages."""

    id = models.AutoField(primary_key=True)
    key = models.CharField(_("key"), max_length=40, validators=[RegexValidator(r"^[a-z][a-z0-9_]*$")])
    label_en = models.CharField(_("label (English)"), max_length=60)
    label_zh = models.CharField(_("label (Chinese)"), max_length=60, blank=True)
    position = models.PositiveSmallIntegerField(_("tried as number"))
    flow = models.PositiveSmallIntegerField(_("place in the lifecycle"))

    class Meta:
        verbose_name = _("lifecycle stage")
        verbose_name_plural = _("lifecycle stages")
        ordering = ["flow", "id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="stage_key_once")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """In the language of the request."""
        return (self.label_zh if (get_language() or "").startswith("zh") else "") or self.label_en


class StageTarget(TenantModel):
    """How many members should enter a stage in a month, or be in it at the month's end."""

    class Metric(models.TextChoices):
        ENTERED = "entered", _("members who enter")
        SIZE = "size", _("members in the stage")

    stage = TenantForeignKey(Stage, models.CASCADE, related_name="targets", verbose_name=_("stage"))
    month = models.DateField(_("month"))  # its first day, of the workspace's calendar
    metric = models.CharField(_("figure"), max_length=10, choices=Metric)
    goal = models.PositiveIntegerField(_("goal"))

    class Meta:
        verbose_name = _("stage target")
        verbose_name_plural = _("stage targets")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "stage", "month", "metric"], name="stage_target_once"),
            models.CheckConstraint(condition=models.Q(goal__gt=0), name="stage_target_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.stage_id} {self.month:%Y-%m} {self.metric}"


class ValueProposition(TenantModel):
    """What a segment's members need and get, in one language. Each change is a new version; the highest one is shown
    and goes into messages. `wording` is the plain text that messages quote."""

    segment = TenantForeignKey(Segment, models.CASCADE, related_name="propositions", verbose_name=_("segment"))
    language = models.CharField(_("language"), max_length=10)
    version = models.PositiveIntegerField(_("version"))
    pain_points = models.TextField(_("pain points"), blank=True, max_length=2000)
    selling_points = models.TextField(_("selling points"), blank=True, max_length=2000)
    wording = models.TextField(_("plain wording"), blank=True, max_length=1000)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    created_by = models.CharField(_("created by"), max_length=200)

    class Meta:
        verbose_name = _("value proposition")
        verbose_name_plural = _("value propositions")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "segment", "language", "version"], name="proposition_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.language} v{self.version}"


class TagRule(Ruled):
    """The rule that drives a tag of kind `rule`. The tag stays for `keep_days` days after the rule ceased to hold."""

    tag = TenantOneToOneField(Tag, models.CASCADE, primary_key=True, related_name="tag_rule", verbose_name=_("tag"))
    keep_days = models.PositiveSmallIntegerField(_("days it stays on"), default=0)

    class Meta:
        verbose_name = _("tag rule")
        verbose_name_plural = _("tag rules")

    def __str__(self) -> str:
        return str(self.tag)
