"""Taking answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from feedback.events import SurveyAnswered
from feedback.models import Answer, Invitation, Question, Response, Survey
from members.actions import emit, mark_dirty
from members.models import Member
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant


class AlreadyAnsweredError(Exception):
    """An anonymous survey was answered through this link before."""


def clean_answers(survey: Survey, answers: Mapping[int, Any]) -> dict[int, int | str]:
    """Answers by question id as they are stored; raises ValidationError naming `answers.<id>` for all that is wrong."""
    questions = {question.pk: question for question in survey.questions.all()}
    unknown = answers.keys() - questions.keys()
    problems = {f"answers.{pk}": _("The survey has no such question.") for pk in unknown}
    cleaned: dict[int, int | str] = {}
    for pk, question in questions.items():
        try:
            value = question.clean_value(answers.get(pk))
        except ValueError as error:
            problems[f"answers.{pk}"] = str(error)
        else:
            if value is not None:
                cleaned[pk] = value
    if problems:
        raise ValidationError({name: [message] for name, message in problems.items()})
    return cleaned


def submit_response(
    *,
    survey: Survey,
    answers: Mapping[int, Any],
    source: str,
    member: Member | None = None,
    invitation: Invitation | None = None,
    simulated: bool = False,
    at: datetime | None = None,
) -> Response:
    """Keep the answers (by question id). Through an invitation a second time they replace the first ones."""
    if not survey.active:
        raise ValidationError(_("This survey is closed."), code="survey_inactive")
    if survey.anonymous and member is not None and invitation is None:
        raise ValidationError({"external_id": _("This survey is anonymous: leave out who answers.")})
    cleaned = clean_answers(survey, answers)
    now = timezone.now()
    with transaction.atomic():
        again = False
        if invitation is not None:
            invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
            again, invitation.answered = invitation.answered, True
            if again and survey.anonymous:
                raise AlreadyAnsweredError
            invitation.save(update_fields=["answered"])
            member = invitation.member
        nps = _nps(survey, cleaned)
        response = Response.objects.filter(invitation=invitation).first() if again else None
        if response is None:
            response = Response(survey=survey, source=source, simulated=simulated, submitted_at=min(at or now, now))
            if survey.anonymous:
                day = timezone.localtime(response.submitted_at, _zone())
                response.submitted_at = day.replace(hour=0, minute=0, second=0, microsecond=0)
            else:
                response.member, response.invitation = member, invitation
        else:
            response.updated_at = now
            response.simulated = simulated
            response.answers.all().delete()
        response.nps = nps
        response.save()
        Answer.objects.bulk_create(
            [
                Answer(
                    response=response,
                    question_id=pk,
                    number=value if isinstance(value, int) else None,
                    text=value if isinstance(value, str) else None,
                )
                for pk, value in cleaned.items()
            ]
        )
        if response.member_id is not None:
            emit(
                [
                    SurveyAnswered(
                        member_id=response.member_id,
                        survey_id=survey.pk,
                        survey=survey.name,
                        response_id=response.pk,
                        nps=nps,
                        again=again,
                        simulated=simulated,
                    )
                ]
            )
            mark_dirty([response.member_id])
    return response


def _nps(survey: Survey, cleaned: Mapping[int, int | str]) -> int | None:
    question = survey.questions.filter(kind=Question.Kind.NPS).values_list("pk", flat=True).first()
    value = cleaned.get(question) if question is not None else None
    return value if isinstance(value, int) else None


def _zone() -> ZoneInfo:
    return Tenant.objects.get(pk=require_tenant()).zone
