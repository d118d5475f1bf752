"""Answers and invitations follow a merge."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError

from feedback.actions import invite_member, submit_response
from feedback.actions.sending import NOT_SENT
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


def test_invitation_that_waits_goes_back_when_the_merge_is_taken_back(
    in_acme: Tenant, survey: Survey, ada: Member, bob: Member, happen: Callable[..., None]
) -> None:
    happen("bob")
    merge = merge_members(survivor=ada, other=bob)
    drain(in_acme.pk, names=["stream"])
    unmerge_members(merge=merge)
    drain(in_acme.pk, names=["stream"])
    assert list(Invitation.objects.values_list("member_id", "state", "moved_from")) == [(bob.pk, "queued", None)]


def test_invitation_sent_meanwhile_stays_and_the_survivors_own_too(
    in_acme: Tenant, survey: Survey, ada: Member, bob: Member, happen: Callable[..., None]
) -> None:
    happen("ada")
    happen("bob")
    merge = merge_members(survivor=ada, other=bob)
    drain(in_acme.pk, names=["stream"])
    Invitation.objects.filter(moved_from=bob.pk).update(state="sent")
    unmerge_members(merge=merge)
    drain(in_acme.pk, names=["stream"])
    assert sorted(Invitation.objects.values_list("member_id", "state")) == [(ada.pk, "queued"), (ada.pk, "sent")]


def test_invitation_passed_over_for_the_merge_waits_again(
    in_acme: Tenant, survey: Survey, ada: Member, bob: Member, happen: Callable[..., None]
) -> None:
    happen("bob")
    Invitation.objects.update(state="skipped", detail=NOT_SENT["merged"])
    unmerge_members(merge=merge_members(survivor=ada, other=bob))
    drain(in_acme.pk, names=["stream"])
    assert list(Invitation.objects.values_list("member_id", "state", "detail")) == [(bob.pk, "queued", "")]


def test_merging_and_parting_at_once_leaves_the_invitation(
    in_acme: Tenant, survey: Survey, ada: Member, bob: Member, happen: Callable[..., None]
) -> None:
    happen("bob")
    unmerge_members(merge=merge_members(survivor=ada, other=bob))
    drain(in_acme.pk, names=["stream"])
    assert list(Invitation.objects.values_list("member_id", "moved_from")) == [(bob.pk, None)]


def test_rest_period_counts_invitations_under_all_numbers(
    in_acme: Tenant, survey: Survey, ada: Member, bob: Member, happen: Callable[..., None]
) -> None:
    happen("bob")
    Invitation.objects.update(state="sent")  # what was sent stays with the number it was sent to
    merge = merge_members(survivor=ada, other=bob)
    happen("ada")
    assert list(Invitation.objects.values_list("member_id", flat=True)) == [bob.pk]
    with pytest.raises(ValidationError, match="a short time ago"):
        invite_member(survey=survey, member=ada)
    unmerge_members(merge=merge)
    ada.refresh_from_db()
    assert invite_member(survey=survey, member=ada).member_id == ada.pk
