"""Who is asked, when, and how often the mail goes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from feedback.actions import invite_member, link_of, send_invitations, submit_response, update_survey
from feedback.models import Invitation, Response, Survey
from members.actions import record_consent, request_erasure, suppress_address
from members.consumers import replay
from members.models import Event, EventName, Member
from tests.channels.smtp_server import Taken
from tests.feedback.conftest import make_member, make_survey
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

Happen = Callable[..., None]


def invited() -> list[str]:
    found = Invitation.objects.order_by("pk").values_list("member__external_id", flat=True)
    return [str(external_id) for external_id in found]


def test_purchase_invites_once(survey: Survey, ada: Member, happen: Happen) -> None:
    happen("ada")
    happen("ada")
    assert invited() == ["ada"]


def test_other_events_and_inactive_surveys_invite_nobody(survey: Survey, ada: Member, happen: Happen) -> None:
    happen("ada", "page")
    update_survey(survey=survey, active=False)
    happen("ada")
    assert invited() == []


def test_backfill_invites_nobody(survey: Survey, ada: Member, happen: Happen) -> None:
    make_member("bob")
    happen("ada", hours_ago=24.1)
    happen("bob", hours_ago=23.9)
    assert invited() == ["bob"]


def test_only_the_reachable_are_asked(survey: Survey, ada: Member, happen: Happen) -> None:
    make_member("no-consent", consent=False)
    withdrawn = make_member("withdrawn")
    record_consent(member=withdrawn, channel="email", purpose="marketing", granted=False, source="page")
    make_member("no-address", email=None)
    make_member("suppressed")
    suppress_address(channel="email", address="suppressed@example.com", reason="bounced")
    for external_id in ("no-consent", "withdrawn", "no-address", "suppressed", "stranger", "ada"):
        happen(external_id)
    assert invited() == ["ada"]


def test_rest_period_counts_every_survey(survey: Survey, ada: Member, happen: Happen) -> None:
    make_survey(name="Second", rest_days=10)
    happen("ada")
    assert [one.survey.name for one in Invitation.objects.select_related("survey")] == ["NPS after purchase"]
    Invitation.objects.update(created_at=timezone.now() - timedelta(days=11))
    happen("ada")  # the first survey's 90 days are not over, the second's 10 are
    assert [one.survey.name for one in Invitation.objects.select_related("survey").order_by("pk")] == [
        "NPS after purchase",
        "Second",
    ]


def test_skipped_invitation_starts_no_rest(survey: Survey, ada: Member, happen: Happen) -> None:
    happen("ada")
    Invitation.objects.update(state="skipped")
    happen("ada")
    assert invited() == ["ada", "ada"]


def test_quota_ends_inviting(survey: Survey, ada: Member, happen: Happen) -> None:
    update_survey(survey=survey, quota=1)
    make_member("bob")
    happen("bob")
    [invitation] = Invitation.objects.all()
    question = survey.questions.get(kind="nps")
    submit_response(survey=survey, answers={question.pk: 9}, source="page", invitation=invitation)
    happen("ada")
    assert invited() == ["bob"]


def test_delay_counts_from_the_event(survey: Survey, ada: Member, happen: Happen) -> None:
    update_survey(survey=survey, delay_minutes=120)
    happen("ada", hours_ago=1)
    [invitation] = Invitation.objects.all()
    assert timedelta(minutes=59) < invitation.send_at - timezone.now() < timedelta(minutes=61)
    assert invitation.expires_at - invitation.send_at == timedelta(days=30)
    assert send_invitations() == 0


def test_replay_invites_nobody_again(survey: Survey, ada: Member, happen: Happen, in_acme: Tenant) -> None:
    update_survey(survey=survey, rest_days=0)
    happen("ada")
    replay("feedback.invite", since=timezone.now() - timedelta(days=1))
    drain(in_acme.pk, names=["stream"])
    assert invited() == ["ada"]


def test_mail_goes_out_once_and_is_told_to_the_log(
    survey: Survey, ada: Member, happen: Happen, mailbox: Taken, in_acme: Tenant
) -> None:
    happen("ada")
    drain(in_acme.pk)
    drain(in_acme.pk)
    assert mailbox.recipients == ["ada@example.com"]
    [invitation] = Invitation.objects.all()
    assert (invitation.state, invitation.tries) == ("sent", 1)
    mail = mailbox.message()
    body = mail.get_body(("plain",))
    assert body is not None
    assert mail["Subject"] == "How did we do?"
    assert link_of(invitation) in body.get_content()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"] == f"<{link_of(invitation)}stop/>"
    name = EventName.objects.get(name="urm.survey.invited")
    [event] = Event.objects.filter(name_id=name.pk)
    assert (event.member_id, event.properties["survey_id"]) == (ada.pk, survey.pk)


def test_mail_speaks_the_members_language(survey: Survey, happen: Happen, mailbox: Taken, in_acme: Tenant) -> None:
    make_member("lin", language="zh-CN", first_name="晓")
    happen("lin")
    drain(in_acme.pk)
    assert mailbox.message()["Subject"] == "您满意吗？"


def test_mail_is_not_sent_after_consent_was_withdrawn(
    survey: Survey, ada: Member, happen: Happen, mailbox: Taken, in_acme: Tenant
) -> None:
    happen("ada")
    record_consent(member=ada, channel="email", purpose="marketing", granted=False, source="page")
    drain(in_acme.pk)
    [invitation] = Invitation.objects.all()
    assert (mailbox.recipients, invitation.state) == ([], "skipped")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("withdrawn", "Not sent: no consent any more."),
        ("suppressed", "Not sent: on the suppression list."),
        ("erasure", "Not sent: erased or asked for it."),
    ],
)
def test_gate_is_asked_in_the_moment_of_sending(
    survey: Survey, ada: Member, happen: Happen, mailbox: Taken, in_acme: Tenant, what: str, reason: str
) -> None:
    happen("ada")
    if what == "withdrawn":
        record_consent(member=ada, channel="email", purpose="marketing", granted=False, source="page")
    elif what == "suppressed":
        suppress_address(channel="email", address="ADA@example.com", reason="complained")
    else:
        request_erasure(member=ada)
    drain(in_acme.pk, names=["feedback.send"])
    assert mailbox.recipients == []
    assert list(Invitation.objects.values_list("state", "detail")) == [("skipped", reason)]


@pytest.mark.parametrize(("name", "state"), [("gone", "failed"), ("busy", "queued"), ("mute", "unknown")])
def test_mail_that_fails_says_how(
    survey: Survey, happen: Happen, mailbox: Taken, in_acme: Tenant, name: str, state: str
) -> None:
    make_member(name)
    make_member("ada")
    happen("ada")
    happen(name)
    drain(in_acme.pk)
    assert mailbox.recipients == ["ada@example.com"]
    assert Invitation.objects.get(member__external_id=name).state == state


def test_dead_worker_leaves_claimed_to_be_sent_and_sending_unknown(
    survey: Survey, happen: Happen, mailbox: Taken, in_acme: Tenant
) -> None:
    past = timezone.now() - timedelta(minutes=1)
    for name, state in (("ada", "claimed"), ("bob", "sending")):
        make_member(name)
        happen(name)
        Invitation.objects.filter(member__external_id=name).update(state=state, lease_until=past)
    drain(in_acme.pk)
    assert mailbox.recipients == ["ada@example.com"]
    assert list(Invitation.objects.order_by("pk").values_list("state", flat=True)) == ["sent", "unknown"]


def test_invite_by_hand_gives_the_reason_when_refused(survey: Survey, ada: Member) -> None:
    invite_member(survey=survey, member=ada)
    codes = []
    for member in (ada, make_member("bob", consent=False)):
        with pytest.raises(ValidationError) as caught:
            invite_member(survey=survey, member=member)
        codes.append(caught.value.code)
    assert codes == ["resting", "not_reachable"]
    assert Response.objects.count() == 0
