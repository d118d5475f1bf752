"""What rules can ask about a member's newest response to a survey. Anonymous responses belong to nobody.

Without a question, the answer is that of the survey's NPS question."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from feedback.models import Question, Survey
from urm.rules import Entry, Fact, Names, Operand, Plan, Variant, declare, declare_names
from urm.rules import parameters as given
from urm.rules.facts import Depends
from urm.rules.sqltext import Sql, sql
from urm.rules.tree import Params
from urm.rules.types import Kind, Typed
from urm.rules.words.phrases import zh


def _surveys(tenant_id: int) -> Iterable[Entry]:
    for survey in Survey.objects.filter(tenant_id=tenant_id):
        yield Entry(survey.pk, survey.pk, survey.title_en or survey.name, survey.title_zh or survey.title_en)


def _questions(tenant_id: int) -> Iterable[Entry]:
    for question in Question.objects.filter(tenant_id=tenant_id):
        yield Entry(
            question.pk,
            question.pk,
            question.text_en,
            question.text_zh or question.text_en,
            _type_of(question),
            {"survey": question.survey_id},
        )


def _type_of(question: Question) -> Typed:
    if question.kind == Question.Kind.CHOICE:
        return Typed(Kind.CHOICE, tuple(option.value for option in question.options))
    return Typed(Kind.TEXT if question.kind == Question.Kind.TEXT else Kind.NUMBER)


declare_names("survey", _surveys)
declare_names("question", _questions)


def _typed(terms: Params, names: Names) -> Typed:
    if terms["what"] == "answered_at":
        return Typed(Kind.DATETIME)
    entry = names.find("question", terms["question"]) if "question" in terms else None
    if terms["what"] == "answer" and entry is not None and entry.typed is not None:
        return entry.typed
    return Typed(Kind.NUMBER)


def _sql(terms: Params, plan: Plan) -> Operand:
    survey = int(terms["id"])
    who, merged = "r.member_id", Sql("")
    if plan.names.all("merged"):  # responses keep the member they were written with
        who = "COALESCE(a.merged_into_id, r.member_id)"
        of_merged = "LEFT JOIN members_member a ON a.tenant_id = {} AND a.id = r.member_id"
        merged = sql(f"{of_merged} AND a.merged_into_id IS NOT NULL", plan.scope.tenant)
    members = sql(f"JOIN {{}} w ON w.member_id = {who}", plan.scope.members) if plan.scope.members else Sql("")
    response = plan.join(
        f"survey {survey}",
        f"LEFT JOIN (SELECT DISTINCT ON ({who}) {who} AS member_id, r.id, r.nps, r.submitted_at"
        f" FROM feedback_response r {{}} {{}} WHERE r.tenant_id = {{}} AND r.survey_id = {survey}"
        f" ORDER BY {who}, r.submitted_at DESC, r.id DESC) ALIAS ON ALIAS.member_id = m.id",
        merged, members, plan.scope.tenant,
    )  # fmt: skip
    kind = _typed(terms, plan.names).kind
    if terms["what"] == "answered_at":
        return Operand(Sql(f"{response}.submitted_at"), kind)
    if terms["what"] == "nps" or "question" not in terms:
        return Operand(Sql(f"{response}.nps"), kind)
    question = int(terms["question"])
    answer = plan.join(
        f"survey {survey} question {question}",
        f"LEFT JOIN feedback_answer ALIAS ON ALIAS.tenant_id = {{}} AND ALIAS.response_id = {response}.id"
        f" AND ALIAS.question_id = {question}",
        plan.scope.tenant,
    )
    return Operand(Sql(f"{answer}.{'number' if kind is Kind.NUMBER else 'text'}"), kind)


def _noun(terms: Params, language: str, names: Names) -> str:
    chinese = zh(language)
    survey = names.find("survey", terms["id"])
    title = survey.label(language) if survey else str(terms["id"])
    if terms["what"] == "answered_at":
        return f"回答问卷“{title}”的时间" if chinese else f"the date of answering “{title}”"
    question = names.find("question", terms["question"]) if terms["what"] == "answer" and "question" in terms else None
    if question is not None:
        return f"对“{question.label(language)}”的回答" if chinese else f"the answer to “{question.label(language)}”"
    return f"问卷“{title}”的 NPS 评分" if chinese else f"the NPS answer to “{title}”"


def _refuse(terms: Params, names: Names) -> tuple[str, str] | None:
    question = names.find("question", terms["question"]) if "question" in terms else None
    if question is None:
        return None
    if question.detail["survey"] != terms["id"]:
        return "question", _("this question belongs to another survey")
    if terms["what"] != "answer":
        return "question", _("only “what”: “answer” asks for a question")
    return None


def _changes(terms: Params, names: Names) -> Depends:
    return frozenset({("survey", terms["id"])})


def _variants(names: Names) -> Iterable[Variant]:
    alone = ("question",)
    yield Variant(Typed(Kind.NUMBER), {"what": {"enum": ["nps", "answer"]}}, absent=alone)
    yield Variant(Typed(Kind.NUMBER), absent=(*alone, "what"))
    yield Variant(Typed(Kind.DATETIME), {"what": {"const": "answered_at"}}, absent=alone)
    grouped: dict[tuple[int, Typed], list[int | str]] = {}
    for key, entry in names.all("question").items():
        if entry.typed is not None:
            grouped.setdefault((entry.detail["survey"], entry.typed), []).append(key)
    for (survey, typed), keys in grouped.items():
        match: Mapping[str, Mapping[str, Any]] = {"id": {"const": survey}, "question": {"enum": sorted(keys, key=str)}}
        yield Variant(typed, {**match, "what": {"const": "answer"}})
        yield Variant(typed, match, absent=("what",))


declare(
    Fact(
        key="survey",
        label_en="survey",
        label_zh="问卷",
        parameters=(
            given.named("id", "survey", _("survey")),
            given.one_of("what", "answer", "answered_at", "nps", required=False, default="answer"),
            given.named("question", "question", _("question"), required=False),
        ),
        typed=_typed,
        variants=_variants,
        sql=_sql,
        changes=_changes,
        noun=_noun,
        refuse=_refuse,
    )
)
