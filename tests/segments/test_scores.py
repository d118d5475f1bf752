"""Scores as a fact of rules: a table of figures that whoever works them out fills."""

from decimal import Decimal

import pytest

from members.models import Member
from segments.models import Score
from segments.queries import explain_rule, matching_external_ids, rule_in_words
from urm.rules import RuleError, check
from urm.rules.workspace import current_names
from urm.tenancy.models import Tenant

ACTIVE = {"fact": "score", "name": "activity", "op": "gte", "value": 0.7}


@pytest.fixture
def scored(in_acme: Tenant) -> list[Member]:
    members = [Member.objects.create(external_id=f"c-{n}") for n in range(3)]
    Score.objects.create(member=members[0], name="activity", value=Decimal("0.7"))
    Score.objects.create(member=members[1], name="activity", value=Decimal("0.699999"))
    Score.objects.create(member=members[1], name="churn", value=1)
    return members


def test_a_score_is_compared_as_a_number(scored: list[Member]) -> None:
    assert matching_external_ids(ACTIVE) == ["c-0"]
    assert matching_external_ids({"not": ACTIVE}) == ["c-1", "c-2"]


def test_a_member_without_the_score_is_missing_it(scored: list[Member]) -> None:
    assert matching_external_ids({"fact": "score", "name": "activity", "op": "is_missing"}) == ["c-2"]


def test_a_score_nobody_declared_is_refused_with_the_nearest(in_acme: Tenant) -> None:
    with pytest.raises(RuleError) as refused:
        check({**ACTIVE, "name": "activty"}, current_names())
    assert refused.value.message == "unknown score “activty”; did you mean “activity”?"


def test_a_score_reads_in_both_languages(in_acme: Tenant) -> None:
    assert rule_in_words(ACTIVE, "en") == "the activity score is at least 0.7"
    assert rule_in_words(ACTIVE, "zh-hans") == "活跃度评分不少于 0.7"


def test_explanation_shows_the_score(scored: list[Member]) -> None:
    names = current_names()
    shown = explain_rule(check(ACTIVE, names), scored[1], names)
    assert (shown.met, shown.actual) == (False, "0.699999")
