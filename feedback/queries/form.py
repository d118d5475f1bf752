"""The survey as a form: what the public page and the preview show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from feedback.models import Question, Survey


@dataclass(frozen=True, slots=True)
class Option:
    id: str
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One question as it stands on the page; `low` and `high` say what the ends of a scale mean."""

    question: Question
    id: str
    value: Any
    problem: str
    options: list[Option]

    @property
    def first_id(self) -> str:
        return self.options[0].id if self.options else self.id

    @property
    def is_scale(self) -> bool:
        return bool(self.question.scale)

    @property
    def low(self) -> str:
        return _("Not at all likely") if self.question.kind == Question.Kind.NPS else _("Very dissatisfied")

    @property
    def high(self) -> str:
        return _("Extremely likely") if self.question.kind == Question.Kind.NPS else _("Very satisfied")


def fields_of(survey: Survey, values: Mapping[int, Any], problems: Mapping[str, str]) -> list[Field]:
    return [_field(question, values.get(question.pk), problems) for question in survey.questions.all()]


def given(survey: Survey, data: Mapping[str, Any]) -> dict[int, Any]:
    """The answers in a posted form, by question id."""
    return {question.pk: data.get(f"q{question.pk}") for question in survey.questions.all()}


def _field(question: Question, value: Any, problems: Mapping[str, str]) -> Field:
    name = f"q{question.pk}"
    if question.kind == Question.Kind.CHOICE:
        pairs = [(option.value, option.label) for option in question.options]
    else:
        pairs = [(str(number), str(number)) for number in question.scale]
    options = [
        Option(f"{name}-{at}", option, label, value is not None and str(value) == option)
        for at, (option, label) in enumerate(pairs)
    ]
    return Field(question, name, value, problems.get(f"answers.{question.pk}", ""), options)
