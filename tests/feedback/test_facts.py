"""Survey answers in the rule language."""

from datetime import timedelta
from typing import Any, cast

import jsonschema
import pytest
from django.db import connection
from django.utils import timezone

from feedback.actions import submit_response
from feedback.models import Response, Survey
from members.models import Member
from tests.feedback.conftest import make_member, make_survey
from urm.rules import Names, RuleError, Scope, check, json_schema, matching_members, words
from urm.tenancy.models import Tenant


def holds(rule: dict[str, Any], names: Names) -> list[str]:
    scope = Scope(names.tenant_id, names.time_zone, timezone.now() + timedelta(seconds=1))
    statement = matching_members(check(rule, names).node, names, scope, "m.external_id")
    with connection.cursor() as cursor:
        cursor.execute(statement.text, cast(Any, statement.params))
        return sorted(external_id for (external_id,) in cursor.fetchall())


@pytest.mark.parametrize(
    ("what", "kind", "condition", "expected"),
    [
        ("nps", None, {"op": "lte", "value": 6}, ["ada"]),
        ("nps", None, {"op": "is_missing"}, ["eve"]),
        ("answered_at", None, {"op": "within_last", "value": 1}, ["ada", "bob"]),
        ("answer", "rating", {"op": "gte", "value": 4}, ["bob"]),
        ("answer", "choice", {"op": "eq", "value": "price"}, ["ada"]),
        ("answer", "text", {"op": "contains", "value": "late"}, ["ada"]),
        (None, "choice", {"op": "eq", "value": "price"}, ["ada"]),
        (None, None, {"op": "gte", "value": 9}, ["bob"]),
    ],
)
def test_survey_fact_reads_the_newest_response(
    survey: Survey,
    ada: Member,
    in_acme: Tenant,
    what: str | None,
    kind: str | None,
    condition: dict[str, Any],
    expected: list[str],
) -> None:
    question = {one.kind: one.pk for one in survey.questions.all()}
    bob = make_member("bob")
    make_member("eve")

    def answer(member: Member, hours_ago: int, **given: Any) -> None:
        submit_response(
            survey=survey,
            answers={question[key]: value for key, value in given.items()},
            source=Response.Source.API,
            member=member,
            at=timezone.now() - timedelta(hours=hours_ago),
        )

    answer(ada, 5, nps=10, rating=5)
    answer(ada, 1, nps=3, rating=2, choice="price", text="too late")
    answer(bob, 2, nps=9, rating=4)
    names = Names(in_acme.pk, in_acme.time_zone)
    rule = {"fact": "survey", "id": survey.pk, **({"what": what} if what else {}), **condition}
    if kind is not None:
        rule["question"] = question[kind]
    assert holds(rule, names) == expected
    jsonschema.validate(rule, json_schema(names))


def test_survey_fact_refuses_a_question_of_another_survey(survey: Survey, in_acme: Tenant) -> None:
    question = survey.questions.get(kind="rating").pk
    other = make_survey(name="Other")
    with pytest.raises(RuleError) as refused:
        check(
            {"fact": "survey", "id": other.pk, "question": question, "op": "gte", "value": 4},
            Names(in_acme.pk, in_acme.time_zone),
        )
    assert (refused.value.path, refused.value.code) == ("question", "bad_parameter")


def test_survey_fact_in_words(survey: Survey, in_acme: Tenant) -> None:
    names = Names(in_acme.pk, in_acme.time_zone)
    rule = check({"fact": "survey", "id": survey.pk, "what": "nps", "op": "lte", "value": 6}, names)
    assert words(rule, "en", names) == "the NPS answer to “How did we do?” is at most 6"
    assert words(rule, "zh-hans", names) == "问卷“您满意吗？”的 NPS 评分不超过 6"
