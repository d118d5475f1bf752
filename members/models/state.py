"""What holds for a member right now, in one narrow row; and the queue of those to look at again."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models.member import Member
from urm.tenancy.models import TenantForeignKey, TenantModel, TenantOneToOneField


class Tag(TenantModel):
    """A label on members, put there by people and imports (`manual`) or by a rule (`rule`)."""

    class Kind(models.TextChoices):
        MANUAL = "manual", _("manual")
        RULE = "rule", _("rule-driven")

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=60)
    group = models.CharField(
        _("group"), max_length=60, blank=True, help_text=_("Tags of one group stand together in lists.")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.MANUAL)
    description = models.CharField(_("description"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="tag_name_once")]
        indexes = [models.Index(fields=["tenant", "group", "name", "id"], name="tag_by_group")]

    def __str__(self) -> str:
        return self.name


class MemberTag(TenantModel):
    """A manual tag on a member: who or what put it there and when it ends."""

    member = TenantForeignKey(Member, models.CASCADE, related_name="manual_tags", verbose_name=_("member"))
    tag = TenantForeignKey(Tag, models.CASCADE, related_name="members", verbose_name=_("tag"))
    since = models.DateTimeField(_("since"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    added_by = models.CharField(_("added by"), max_length=200)

    class Meta:
        verbose_name = _("tag of a member")
        verbose_name_plural = _("tags of members")
        constraints = [models.UniqueConstraint(fields=["tenant", "member", "tag"], name="member_tag_once")]
        indexes = [
            models.Index(
                fields=["tenant", "expires_at"],
                name="member_tag_expiry",
                condition=models.Q(expires_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return str(self.tag_id)


class MemberState(TenantModel):
    """Segments, tags and stage that hold; ids in ascending order. Written only by the refresh and by tag actions.

    `next_at` is the earliest moment at which the passing of time alone could change it.
    """

    member = TenantOneToOneField(Member, models.CASCADE, primary_key=True, related_name="state")
    segment_ids = ArrayField(models.IntegerField(), default=list)
    tag_ids = ArrayField(models.IntegerField(), default=list)
    stage_id = models.IntegerField(null=True)
    stage_since = models.DateTimeField(null=True)
    previous_stage_id = models.IntegerField(null=True)
    next_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("state of a member")
        verbose_name_plural = _("states of members")
        indexes = [
            models.Index(fields=["tenant", "next_at"], name="state_next", condition=models.Q(next_at__isnull=False))
        ]

    def __str__(self) -> str:
        return str(self.member_id)


class DirtyMember(TenantModel):
    """A member whose segments, tags and stage must be looked at again, and the log event that is why (if one is)."""

    member_id = models.BigIntegerField(primary_key=True)
    marked_at = models.DateTimeField(default=timezone.now)
    cause_id = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return str(self.member_id)
