"""Who was asked and what they said."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from feedback.models.survey import Question, Survey
from members.models import Member
from urm.tenancy.models import TenantForeignKey, TenantModel


class Invitation(TenantModel):
    """One decision to ask a member, made once per trigger event. See ARCHITECTURE.md, *Delivery of messages*.

    `trigger_event_id` is the log's id (0: invited by hand). In an anonymous survey `answered` is all that is known.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        CLAIMED = "claimed", _("in preparation")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        SKIPPED = "skipped", _("not sent")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("unknown")

    survey = TenantForeignKey(Survey, models.PROTECT, related_name="invitations", verbose_name=_("survey"))
    member = TenantForeignKey(Member, models.PROTECT, related_name="survey_invitations", verbose_name=_("member"))
    trigger_event_id = models.BigIntegerField(_("event"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    send_at = models.DateTimeField(_("to be sent at"), default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    moved_from = models.BigIntegerField(null=True)  # the member who brought it along in a merge, before it was sent
    sent_at = models.DateTimeField(_("sent at"), null=True)
    expires_at = models.DateTimeField(_("link valid until"))
    answered = models.BooleanField(_("answered"), default=False)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "survey", "member", "trigger_event_id"], name="survey_invitation_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="invitation_newest"),
            models.Index(fields=["tenant", "member", "-created_at"], name="invitation_by_member"),
            models.Index(
                fields=["tenant", "send_at"],
                name="invitation_open",
                condition=Q(state__in=["queued", "claimed", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Response(TenantModel):
    """One filled-in survey; `member` and `invitation` stay empty where anonymity is promised."""

    class Source(models.TextChoices):
        PAGE = "page", _("survey page")
        API = "api", _("API")

    survey = TenantForeignKey(Survey, models.PROTECT, related_name="responses", verbose_name=_("survey"))
    member = TenantForeignKey(
        Member, models.PROTECT, null=True, related_name="survey_responses", verbose_name=_("member")
    )
    invitation = TenantForeignKey(
        Invitation, models.PROTECT, null=True, related_name="responses", verbose_name=_("invitation")
    )
    source = models.CharField(_("source"), max_length=10, choices=Source)
    simulated = models.BooleanField(_("simulated"), default=False)
    nps = models.SmallIntegerField(_("NPS answer"), null=True)
    submitted_at = models.DateTimeField(_("answered at"), default=timezone.now)
    updated_at = models.DateTimeField(_("changed at"), null=True)

    class Meta:
        verbose_name = _("response")
        verbose_name_plural = _("responses")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "invitation"],
                condition=Q(invitation__isnull=False),
                name="one_response_per_invitation",
            ),
            models.CheckConstraint(condition=Q(nps__isnull=True) | Q(nps__gte=0, nps__lte=10), name="response_nps"),
            models.CheckConstraint(
                condition=Q(invitation__isnull=True) | Q(member__isnull=False), name="response_invitation_has_member"
            ),
            models.CheckConstraint(
                condition=Q(updated_at__isnull=True) | Q(updated_at__gte=F("submitted_at")), name="response_times"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-submitted_at", "-id"], name="response_newest"),
            models.Index(fields=["tenant", "survey", "-submitted_at", "-id"], name="response_by_survey"),
            models.Index(fields=["tenant", "member", "-submitted_at"], name="response_by_member"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Answer(TenantModel):
    """The answer to one question: `number` for NPS and ratings, `text` for a choice's value and free text."""

    response = TenantForeignKey(Response, models.CASCADE, related_name="answers", verbose_name=_("response"))
    question = TenantForeignKey(Question, models.PROTECT, related_name="answers", verbose_name=_("question"))
    number = models.SmallIntegerField(_("number"), null=True)
    text = models.TextField(_("text"), null=True)

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "response", "question"], name="one_answer_per_question"),
            models.CheckConstraint(
                condition=Q(number__isnull=False, text__isnull=True) | Q(number__isnull=True, text__isnull=False),
                name="answer_has_one_value",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "question", "number"], name="answer_by_question")]

    def __str__(self) -> str:
        return str(self.text if self.number is None else self.number)

    @property
    def value(self) -> int | str | None:
        return self.text if self.number is None else self.number

    @property
    def label(self) -> str:
        """The value in the reader's words: a choice by its label."""
        labels = {option.value: option.label for option in self.question.options}
        return labels.get(str(self.value), str(self.value))
