"""Answers and invitations follow a merge."""

from collections.abc import Callable

import pytest

from feedback.actions import submit_response
from feedback.models import Invitation, Question, Survey
from feedback.queries import responses_of
from members.actions import merge_members, unmerge_members
from members.models import Member
from tests.feedback.conftest import make_member
from tests.feedback.test_facts import holds
from urm.rules.workspace import current_names
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


@pytest.fixture
def bob(ada: Member) -> Member:
    return make_member("bob")


def test_newest_answer_of_all_who_are_one_member_counts(survey: Survey, ada: Member, bob: Member) -> None:
    question = Question.objects.get(survey=survey, kind="nps")
    submit_response(survey=survey, answers={question.pk: 3}, source="api", member=ada)
    newest = submit_response(survey=survey, answers={question.pk: 9}, source="api", member=bob)
    rule = {"fact": "survey", "id": survey.pk, "what": "nps", "op": "gte", "value": 9}
    assert holds(rule, current_names()) == ["bob"]
    merge = merge_members(survivor=ada, other=bob)
    assert holds(rule, current_names()) == ["ada"]
    assert next(iter(responses_of(ada))).pk == newest.pk
    unmerge_members(merge=merge)
    assert holds(rule, current_names()) == ["bob"]


def test_invitation_that_waits_follows_unless_the_survivor_has_it(
    in_acme: Tenant, survey: Survey, ada: Member, bob: Member, happen: Callable[..., None]
) -> None:
    happen("bob")
    assert list(Invitation.objects.values_list("member_id", "state")) == [(bob.pk, "queued")]
    merge_members(survivor=ada, other=bob)
    drain(in_acme.pk, names=["stream"])
    assert list(Invitation.objects.values_list("member_id", "state")) == [(ada.pk, "queued")]
