"""What merging members leaves behind: the record that un-merging needs, and pairs that may be one person."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models.member import Member
from urm.tenancy.models import TenantForeignKey, TenantModel


class MemberMerge(TenantModel):
    """`other` is an alias of `survivor` until `unmerged_at`.

    `changes` maps what the merge changed on the survivor to [before, after]: a profile field, `attributes.<name>` or
    `first_seen_at` (only what it was). `tags` are the ids of the manual tags that came along, `state`
    is the state of the other as it was. Holds personal data.
    """

    class Reason(models.TextChoices):
        MANUAL = "manual", _("by hand")
        VISITOR = "visitor", _("the visitor was recognised")
        IDENTITY = "identity", _("the same identity")

    survivor = TenantForeignKey(Member, models.CASCADE, related_name="merges", verbose_name=_("survivor"))
    other = TenantForeignKey(Member, models.CASCADE, related_name="merges_away", verbose_name=_("merged member"))
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    merged_at = models.DateTimeField(_("merged at"), default=timezone.now)
    merged_by = models.CharField(_("merged by"), max_length=200)
    unmerged_at = models.DateTimeField(_("un-merged at"), null=True)
    unmerged_by = models.CharField(_("un-merged by"), max_length=200, blank=True)
    changes = models.JSONField(default=dict)
    tags = ArrayField(models.BigIntegerField(), default=list)
    state = models.JSONField(null=True)

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "other"], condition=Q(unmerged_at__isnull=True), name="merge_away_once"
            ),
            models.CheckConstraint(condition=~Q(survivor=F("other")), name="merge_two_members"),
        ]
        indexes = [
            models.Index(fields=["tenant", "survivor", "id"], name="merge_by_survivor"),
            models.Index(fields=["tenant", "other"], name="merge_by_other"),
        ]

    def __str__(self) -> str:
        return f"#{self.other_id} → #{self.survivor_id}"


class DuplicateCandidate(TenantModel):
    """Two members who may be one person, and why; `first` has the lower number. Gone from the list when either was
    merged, or when staff said that they are two."""

    class Reason(models.TextChoices):
        EMAIL = "email", _("same e-mail")
        PHONE = "phone", _("same phone")
        NAME = "name", _("same name and birthday")
        IDENTITY = "identity", _("told to be the same")

    first = TenantForeignKey(Member, models.CASCADE, related_name="+", verbose_name=_("member"))
    second = TenantForeignKey(Member, models.CASCADE, related_name="+", verbose_name=_("other member"))
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    found_at = models.DateTimeField(_("found at"), default=timezone.now)
    dismissed_at = models.DateTimeField(_("dismissed at"), null=True)
    dismissed_by = models.CharField(_("dismissed by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("possible duplicate")
        verbose_name_plural = _("possible duplicates")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "first", "second"], name="duplicate_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="duplicate_in_order"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="duplicate_open", condition=Q(dismissed_at__isnull=True)),
            models.Index(fields=["tenant", "second"], name="duplicate_by_second"),
        ]

    def __str__(self) -> str:
        return f"#{self.first_id} = #{self.second_id}?"


class IdentitySettings(TenantModel):
    """How the workspace treats one identity that is given for two known people: kinds in `merge_kinds` merge them.

    `compare_requested_at` asks for all members to be compared with one another, once.
    """

    merge_kinds = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    compare_requested_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("settings of identities")
        verbose_name_plural = _("settings of identities")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="identity_settings_once")]

    def __str__(self) -> str:
        return ", ".join(self.merge_kinds)


class RetractedEvent(TenantModel):
    """What stood in the log before it was deleted or corrected; written with the deletion, by the database itself.

    The log's row is gone, so that no reader has to know of deletions. Its properties, which may be personal, are not
    kept.
    """

    event_id = models.BigIntegerField(_("event"))
    member_id = models.BigIntegerField(_("member"))
    name_id = models.IntegerField(_("name"))
    occurred_at = models.DateTimeField(_("occurred at"))
    received_at = models.DateTimeField(_("received at"))
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=4, null=True)
    trusted = models.BooleanField(_("trusted"))
    retracted_at = models.DateTimeField(_("retracted at"), default=timezone.now)

    class Meta:
        verbose_name = _("retracted event")
        verbose_name_plural = _("retracted events")
        constraints = [models.UniqueConstraint(fields=["tenant", "event_id"], name="retracted_once")]

    def __str__(self) -> str:
        return str(self.event_id)
