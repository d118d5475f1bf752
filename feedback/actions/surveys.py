"""What staff set. Each write is audited."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from feedback.models import Question, Response, Survey
from urm.audit.actions import record, snapshot

SURVEY_FIELDS = (
    *("name", "title_en", "title_zh", "intro_en", "intro_zh", "thanks_en", "thanks_zh", "active", "anonymous"),
    *("trigger_event", "delay_minutes", "rest_days", "quota", "purpose", "valid_days", "minimum_answers"),
)
QUESTION_FIELDS = ("position", "kind", "text_en", "text_zh", "required", "choices")


def create_survey(*, questions: Sequence[Mapping[str, Any]] = (), **values: Any) -> Survey:
    """Values are those of SURVEY_FIELDS; questions those of QUESTION_FIELDS, positions following their order."""
    with transaction.atomic():
        survey = Survey()
        _write(survey, values)
        record(verb="survey.create", target=survey, after=snapshot(survey, *SURVEY_FIELDS))
        set_questions(survey=survey, questions=questions)
    return survey


def update_survey(*, survey: Survey, **values: Any) -> Survey:
    with transaction.atomic():
        survey = Survey.objects.select_for_update().get(pk=survey.pk)
        before = snapshot(survey, *SURVEY_FIELDS)
        promised = survey.anonymous
        _write(survey, values)
        if survey.anonymous != promised and Response.objects.filter(survey=survey).exists():
            raise ValidationError({"anonymous": _("People have answered under this promise; it cannot be changed.")})
        record(verb="survey.update", target=survey, before=before, after=snapshot(survey, *SURVEY_FIELDS))
    return survey


def set_questions(*, survey: Survey, questions: Sequence[Mapping[str, Any]]) -> list[Question]:
    """Add questions behind those that the survey has."""
    with transaction.atomic():
        last = survey.questions.count()
        made = []
        for offset, values in enumerate(questions, start=1):
            question = Question(survey=survey, **{"position": last + offset, **values})
            question.full_clean()
            question.save()
            record(verb="question.create", target=question, after=snapshot(question, *QUESTION_FIELDS))
            made.append(question)
    return made


def _write(survey: Survey, values: Mapping[str, Any]) -> None:
    if unknown := values.keys() - set(SURVEY_FIELDS):
        raise ValidationError({min(unknown): _("Unknown field.")})
    for name, value in values.items():
        setattr(survey, name, value)
    survey.full_clean()
    survey.save()
