"""Deciding whom to ask, and the links they get."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from feedback.models import Invitation, Survey
from feedback.queries import quota_is_full, reachable_by_email, resting
from members.actions import record_consent
from members.consumers import LoggedEvent
from members.models import Member
from urm.audit.actions import record
from urm.lib.addresses import public_url
from urm.lib.tokens import seal, unseal
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

FRESH = timedelta(hours=24)  # what happened earlier triggers nothing: a backfill must not start a flood
_PURPOSE = "survey"


def invite_after_events(*, events: Sequence[LoggedEvent]) -> int:
    """Queue invitations for the surveys that these events trigger, once per survey, member and event; how many."""
    now = timezone.now()
    fresh = [event for event in events if event.occurred_at > now - FRESH]
    if not fresh:
        return 0
    queued = 0
    with transaction.atomic():
        for survey in Survey.objects.filter(active=True).exclude(trigger_event="").order_by("pk"):
            first: dict[int, LoggedEvent] = {}
            for event in fresh:
                if event.name == survey.trigger_event:
                    first.setdefault(event.member_id, event)
            if not first or quota_is_full(survey):
                continue
            asked = reachable_by_email(first, purpose=survey.purpose) - resting(first, survey=survey, now=now)
            queued += len(asked)
            Invitation.objects.bulk_create(
                [
                    Invitation(
                        survey=survey,
                        member_id=member_id,
                        trigger_event_id=first[member_id].id,
                        created_at=now,
                        **_times(survey, first[member_id].occurred_at, now),
                    )
                    for member_id in sorted(asked)
                ],
                ignore_conflicts=True,
            )
        if queued:
            transaction.on_commit(lambda: wake("feedback.send"))
    return queued


def invite_member(*, survey: Survey, member: Member) -> Invitation:
    """Ask one member by hand. Refused with the reason when they may not be asked."""
    now = timezone.now()
    if not survey.active:
        raise ValidationError(_("This survey is not active."), code="survey_inactive")
    if not reachable_by_email([member.pk], purpose=survey.purpose):
        raise ValidationError(_("The member cannot be reached by e-mail for this purpose."), code="not_reachable")
    with transaction.atomic():
        Member.objects.select_for_update().get(pk=member.pk)
        if resting([member.pk], survey=survey, now=now):
            raise ValidationError(_("The member was invited to a survey a short time ago."), code="resting")
        invitation, created = Invitation.objects.get_or_create(
            survey=survey, member=member, trigger_event_id=0, defaults={"created_at": now, **_times(survey, now, now)}
        )
        if not created:
            raise ValidationError(_("The member was invited by hand before."), code="invited_before")
        record(verb="survey.invite", target=survey, target_label=survey.name, after={"member": member.pk})
        transaction.on_commit(lambda: wake("feedback.send"))
    return invitation


def stop_invitations(*, invitation: Invitation) -> None:
    """Withdraw the consent under which the invitation came. Doing it twice changes nothing more."""
    record_consent(
        member=invitation.member,
        channel="email",
        purpose=invitation.survey.purpose,
        granted=False,
        source="survey invitation",
    )


def link_of(invitation: Invitation, *, simulated: bool = False) -> str:
    """The member's own address of the survey. Answers through a link made with `simulated` are marked as such."""
    token = seal(_PURPOSE, require_tenant(), invitation.pk, int(simulated))
    return public_url(reverse("survey_page", args=[token]))


def read_token(token: str) -> tuple[int, int, bool] | None:
    """(tenant id, invitation id, simulated) of a link that was made here; None for any other."""
    numbers = unseal(_PURPOSE, token, count=3)
    if numbers is None:
        return None
    tenant_id, invitation_id, simulated = numbers
    return tenant_id, invitation_id, bool(simulated)


def _times(survey: Survey, occurred_at: datetime, now: datetime) -> dict[str, datetime]:
    send_at = max(now, occurred_at + timedelta(minutes=survey.delay_minutes))
    return {"send_at": send_at, "expires_at": send_at + timedelta(days=survey.valid_days)}
