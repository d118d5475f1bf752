"""Rules that are kept, and the history of what they held for whom."""

from django.contrib.postgres.fields import ArrayField
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


class Score(TenantModel):
    """A figure worked out for a member, e.g. how active they are. `name` is one of those declared in segments.facts;
    `explanation` says how the value came about, as {"reasons": [{"en": …, "zh-hans": …}, …]}. Whoever writes a row
    marks the member dirty: rules read it."""

    member = TenantForeignKey(Member, models.CASCADE, related_name="scores", verbose_name=_("member"))
    name = models.CharField(_("name"), max_length=40)
    value = models.DecimalField(_("value"), max_digits=20, decimal_places=6)
    computed_at = models.DateTimeField(_("computed at"), default=timezone.now)
    explanation = models.JSONField(_("explanation"), default=dict)

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        constraints = [models.UniqueConstraint(fields=["tenant", "name", "member"], name="score_once")]
        indexes = [models.Index(fields=["tenant", "member"], name="score_by_member")]

    def __str__(self) -> str:
        return f"{self.member_id} {self.name} {self.value}"


class ScoreRun(TenantModel):
    """When the scores of the workspace were last worked out, for which local day; `stale` asks for it anew."""

    day = models.DateField()
    computed_at = models.DateTimeField()
    stale = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="score_run_once")]

    def __str__(self) -> str:
        return str(self.day)


class KeptTag(TenantModel):
    """A rule-driven tag whose rule no longer holds for a member, who keeps it until `until`."""

    member = TenantForeignKey(Member, models.CASCADE, related_name="kept_tags", verbose_name=_("member"))
    tag = TenantForeignKey(Tag, models.CASCADE, related_name="kept", verbose_name=_("tag"))
    until = models.DateTimeField(_("kept until"))

    class Meta:
        verbose_name = _("kept tag")
        verbose_name_plural = _("kept tags")
        constraints = [models.UniqueConstraint(fields=["tenant", "member", "tag"], name="kept_tag_once")]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.tag_id}"


class RankThreshold(TenantModel):
    """From which value on a member ranks among the top, as it was last night; empty where nobody took part. `key` is
    that of urm.rules.rank.threshold_key."""

    key = models.CharField(max_length=64)
    threshold = models.DecimalField(max_digits=40, decimal_places=6, null=True)
    frozen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="rank_threshold_once")]

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.threshold}"


class PendingState(TenantModel):
    """What a running computation of new rules found for a member, until it is complete for all and takes effect."""

    member_id = models.BigIntegerField(primary_key=True)
    segment_ids = ArrayField(models.IntegerField())
    tags_on = ArrayField(models.IntegerField())
    tags_off = ArrayField(models.IntegerField())
    stage_id = models.IntegerField(null=True)
    next_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.member_id)


class TouchedMember(TenantModel):
    """A member who was refreshed while new rules are being computed: what was found before may be out of date."""

    member_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.member_id)


class SelfCheck(TenantModel):
    """A comparison of what is stored with what a full computation gives, for a sample of members. `drifted` must be 0;
    `examples` are ids of members for whom it was not so."""

    at = models.DateTimeField(_("at"), default=timezone.now)
    looked_at = models.IntegerField(_("members looked at"))
    drifted = models.IntegerField(_("members that differed"))
    examples = models.JSONField(default=list)

    class Meta:
        verbose_name = _("self-check")
        verbose_name_plural = _("self-checks")
        indexes = [models.Index(fields=["tenant", "-at"], name="self_check_newest")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}: {self.drifted} of {self.looked_at}"


class Change(TenantModel):
    """A member entered or left something. Append-only; `target_id` is the id of a segment, tag or stage,
    `event_id` the log event that led to it, if one did."""

    class Kind(models.TextChoices):
        SEGMENT = "segment", _("segment")
        TAG = "tag", _("tag")
        STAGE = "stage", _("lifecycle stage")

    class Cause(models.TextChoices):
        MEMBER = "member", _("something happened")
        TIME = "time", _("time passed")
        RULE = "rule", _("the rule changed")

    member_id = models.BigIntegerField()
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    target_id = models.IntegerField()
    entered = models.BooleanField(_("entered"))
    at = models.DateTimeField(_("at"))
    cause = models.CharField(_("cause"), max_length=10, choices=Cause)
    event_id = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("entry or exit")
        verbose_name_plural = _("entries and exits")
        indexes = [
            models.Index(fields=["tenant", "member_id", "-at"], name="change_by_member"),
            models.Index(fields=["tenant", "kind", "target_id", "-at"], name="change_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {'+' if self.entered else '-'} {self.kind} {self.target_id}"


class AudienceSync(TenantModel):
    """A segment that is kept current elsewhere: at a webhook, or as files in a store that the operator named.

    `next_at` is when it is looked at next, `leased_until` keeps a second worker away meanwhile. A running full export
    goes on after member `page_after`. `secret` signs webhooks and is stored encrypted (urm.lib.secrets).
    """

    class Destination(models.TextChoices):
        WEBHOOK = "webhook", _("webhook")
        STORE = "store", _("files")

    class Mode(models.TextChoices):
        CHANGE = "change", _("on every change")
        SCHEDULE = "schedule", _("everything, by schedule")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        PARQUET = "parquet", "Parquet"

    name = models.CharField(_("name"), max_length=100)
    segment = TenantForeignKey(Segment, models.CASCADE, related_name="audience_syncs", verbose_name=_("segment"))
    destination = models.CharField(_("destination"), max_length=10, choices=Destination)
    mode = models.CharField(_("when"), max_length=10, choices=Mode, default=Mode.CHANGE)
    every_hours = models.PositiveSmallIntegerField(_("every so many hours"), default=24)
    url = models.URLField(_("address"), max_length=1000, blank=True)
    store = models.CharField(_("store"), max_length=60, blank=True)
    format = models.CharField(_("format"), max_length=10, choices=Format, default=Format.CSV)
    fields = ArrayField(models.CharField(max_length=30), default=list, blank=True, verbose_name=_("fields"))
    secret = models.TextField(blank=True, editable=False)
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    next_at = models.DateTimeField(_("next try"), default=timezone.now, editable=False)
    looked_at = models.DateTimeField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    last_number = models.IntegerField(default=0, editable=False)
    page_after = models.BigIntegerField(null=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    failures = models.IntegerField(default=0, editable=False)
    problem = models.CharField(_("problem"), max_length=300, blank=True, editable=False)
    delivered_at = models.DateTimeField(_("last delivered"), null=True, editable=False)

    class Meta:
        verbose_name = _("audience sync")
        verbose_name_plural = _("audience syncs")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="audience_sync_name_once")]
        indexes = [
            models.Index(fields=["tenant", "next_at"], name="audience_sync_due", condition=models.Q(active=True))
        ]

    def __str__(self) -> str:
        return self.name


class SyncedMember(TenantModel):
    """A member whom the outside knows to be in the segment, under the external id that it was told."""

    sync = TenantForeignKey(AudienceSync, models.CASCADE, related_name="synced", verbose_name=_("audience sync"))
    member_id = models.BigIntegerField()
    external_id = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "sync", "member_id"], name="synced_member_once")]

    def __str__(self) -> str:
        return f"{self.sync_id}: {self.member_id}"


class SyncBatch(TenantModel):
    """What is sent at once, under a key that stays the same however often it is tried; afterwards the log of it.

    `added` and `removed` are lists of [member id, external id], emptied once the batch is through.
    """

    class Kind(models.TextChoices):
        CHANGE = "change", _("change")
        FULL = "full", _("full export")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given_up", _("given up")

    sync = TenantForeignKey(AudienceSync, models.CASCADE, related_name="batches", verbose_name=_("audience sync"))
    number = models.IntegerField(_("number"))
    key = models.UUIDField()
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    last = models.BooleanField(default=True)  # of a full export
    added = models.JSONField(default=list)
    removed = models.JSONField(default=list)
    added_count = models.IntegerField(_("added"), default=0)
    removed_count = models.IntegerField(_("removed"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    attempts = models.IntegerField(_("attempts"), default=0)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    tried_at = models.DateTimeField(_("last tried"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)

    class Meta:
        verbose_name = _("batch of an audience sync")
        verbose_name_plural = _("batches of audience syncs")
        constraints = [models.UniqueConstraint(fields=["tenant", "sync", "number"], name="sync_batch_once")]

    def __str__(self) -> str:
        return f"{self.sync_id}/{self.number}"
