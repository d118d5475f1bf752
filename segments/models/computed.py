"""What is worked out from rules and members, and the history of it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models import Member, Tag
from urm.tenancy.models import TenantForeignKey, TenantModel


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
