"""The public survey page, walked without script, session or log-in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from feedback.actions import invite_member, link_of, update_survey
from feedback.models import Answer, Invitation, Response, Survey
from feedback.queries import nps_of
from members.models import Consent, Event, EventName, Member
from tests.feedback.conftest import make_member, make_survey
from urm.lib.tokens import seal
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

Walk = Callable[..., Any]


@pytest.fixture
def visitor() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def invitation(survey: Survey, ada: Member) -> Invitation:
    return invite_member(survey=survey, member=ada)


def path(invitation: Invitation, suffix: str = "", *, simulated: bool = False) -> str:
    return urlsplit(link_of(invitation, simulated=simulated)).path + suffix


def form(survey: Survey, **given: Any) -> dict[str, str]:
    return {f"q{question.pk}": str(given.get(question.kind, "")) for question in survey.questions.all()}


def test_page_shows_all_questions(visitor: Client, survey: Survey, invitation: Invitation) -> None:
    page = visitor.get(path(invitation))
    html = page.content.decode()
    assert page.status_code == 200
    assert html.count('type="radio"') == 11 + 5 + 2
    assert html.count("<fieldset") == 3
    assert html.count("<textarea") == 1
    assert (
        "script-src" in page.headers["Content-Security-Policy"]
        or "default-src" in page.headers["Content-Security-Policy"]
    )
    assert (html.count("style="), html.count("onclick")) == (0, 0)
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_answers_are_kept_and_told_to_the_log(
    visitor: Client, survey: Survey, invitation: Invitation, ada: Member, in_acme: Tenant
) -> None:
    answer = visitor.post(path(invitation), form(survey, nps=9, rating=4, choice="price", text="Open <b>earlier</b>"))
    assert (answer.status_code, answer.headers["Location"]) == (303, path(invitation, "thanks/?lang=en"))
    assert visitor.get(answer.headers["Location"]).status_code == 200
    [response] = Response.objects.all()
    assert (response.member_id, response.nps, response.simulated, response.source) == (ada.pk, 9, False, "page")
    assert [one.value for one in Answer.objects.order_by("question__position")] == [
        9,
        4,
        "price",
        "Open <b>earlier</b>",
    ]
    drain(in_acme.pk, names=["stream"])
    name = EventName.objects.get(name="urm.survey.answered")
    assert [event.properties for event in Event.objects.filter(name_id=name.pk)] == [
        {
            "survey_id": survey.pk,
            "survey": "NPS after purchase",
            "response_id": response.pk,
            "nps": 9,
            "again": False,
            "simulated": False,
        }
    ]


def test_answering_again_replaces(visitor: Client, survey: Survey, invitation: Invitation) -> None:
    visitor.post(path(invitation), form(survey, nps=2, text="Bad"))
    again = visitor.get(path(invitation)).content.decode()
    assert (again.count("checked"), again.count(">Bad</textarea>")) == (1, 1)
    visitor.post(path(invitation), form(survey, nps=10))
    [response] = Response.objects.all()
    assert response.nps == 10
    assert response.updated_at is not None
    assert [one.value for one in Answer.objects.all()] == [10]
    assert nps_of(survey)[0].promoters == 1


def test_missing_and_impossible_answers_are_named(visitor: Client, survey: Survey, invitation: Invitation) -> None:
    page = visitor.post(path(invitation), form(survey, nps=11, rating=0, choice="other", text="kept"))
    html = page.content.decode()
    assert (page.status_code, Response.objects.count()) == (422, 0)
    assert (html.count('role="alert"'), html.count('class="errorlist"'), html.count(">kept</textarea>")) == (1, 3, 1)
    assert visitor.post(path(invitation), {}).status_code == 422


def test_anonymous_answers_keep_neither_member_nor_moment(visitor: Client, ada: Member, in_acme: Tenant) -> None:
    survey = make_survey(name="Quiet", anonymous=True)
    invitation = invite_member(survey=survey, member=ada)
    assert visitor.post(path(invitation), form(survey, nps=3)).status_code == 303
    [response] = Response.objects.all()
    local = timezone.localtime(response.submitted_at, in_acme.zone)
    assert (response.member_id, response.invitation_id, (local.hour, local.minute)) == (None, None, (0, 0))
    assert visitor.get(path(invitation)).status_code == 409
    assert visitor.post(path(invitation), form(survey, nps=9)).status_code == 409
    drain(in_acme.pk, names=["stream"])
    assert not EventName.objects.filter(name="urm.survey.answered").exists()


def test_simulated_link_marks_its_answers(visitor: Client, survey: Survey, invitation: Invitation) -> None:
    address = path(invitation, simulated=True)
    assert "simulated" in visitor.get(address).content.decode()
    visitor.post(address, form(survey, nps=7))
    assert (Response.objects.get().simulated, nps_of(survey)[1]) == (True, 1)


def test_languages(visitor: Client, survey: Survey, in_acme: Tenant) -> None:
    invitation = invite_member(survey=survey, member=make_member("lin", language="zh"))
    chinese, english = visitor.get(path(invitation)), visitor.get(path(invitation, "?lang=en"))
    assert ("您会推荐我们吗？" in chinese.content.decode(), chinese.headers["Content-Language"]) == (True, "zh-hans")
    assert ("Would you recommend us?" in english.content.decode(), english.headers["Content-Language"]) == (True, "en")
    assert '<html lang="zh-hans">' in chinese.content.decode()
    posted = visitor.post(path(invitation), {**form(survey, nps=8), "lang": "en"})
    assert posted.headers["Location"] == path(invitation, "thanks/?lang=en")


def test_expired_and_closed_links_say_so(visitor: Client, survey: Survey, invitation: Invitation) -> None:
    Invitation.objects.update(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert "This link has expired" in visitor.get(path(invitation)).content.decode()
    assert visitor.post(path(invitation), form(survey, nps=9)).status_code == 410
    Invitation.objects.update(expires_at=timezone.now() + timedelta(days=1))
    update_survey(survey=survey, active=False)
    assert "This survey is closed" in visitor.get(path(invitation)).content.decode()
    assert visitor.post(path(invitation), form(survey, nps=9)).status_code == 410
    assert Response.objects.count() == 0


def test_forged_links_all_look_alike(visitor: Client, acme: Tenant, globex: Tenant) -> None:
    with tenant_context(acme.pk):
        invitation = invite_member(survey=make_survey(), member=make_member("ada"))
        good = path(invitation)
    forged = [
        "/s/x/",
        good[:-3] + "AA/",
        f"/s/{seal('survey', globex.pk, invitation.pk, 0)}/",  # another workspace's invitation
        f"/s/{seal('survey', 10**9, invitation.pk, 0)}/",
        f"/s/{seal('click', acme.pk, invitation.pk, 0)}/",
    ]
    pages = [visitor.get(address) for address in forged]
    assert [page.status_code for page in pages] == [404] * 5
    assert len({page.content for page in pages}) == 1


def test_same_person_in_two_workspaces_answers_each_alone(visitor: Client, acme: Tenant, globex: Tenant) -> None:
    links = []
    for tenant in (acme, globex):
        with tenant_context(tenant.pk):
            links.append((tenant, make_survey(), invite_member(survey=Survey.objects.get(), member=make_member("ada"))))
    for tenant, survey, invitation in links:
        with tenant_context(tenant.pk):
            address, data = path(invitation), form(survey, nps=9 if tenant == acme else 0)
        visitor.post(address, data)
    for tenant, _survey, _invitation in links:
        with tenant_context(tenant.pk):
            assert [one.nps for one in Response.objects.all()] == [9 if tenant == acme else 0]


def test_stop_needs_a_post_and_no_cookie(visitor: Client, invitation: Invitation, ada: Member) -> None:
    consent = Consent.objects.filter(member=ada, channel="email", purpose="marketing")
    assert visitor.get(path(invitation, "stop/")).status_code == 200
    assert consent.get().granted is True
    answer = visitor.post(path(invitation, "stop/"), {"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, consent.get().granted) == (200, False)


def test_erased_members_link_is_dead(visitor: Client, invitation: Invitation, ada: Member, in_acme: Tenant) -> None:
    Member.objects.filter(pk=ada.pk).update(erased_at=timezone.now())
    assert visitor.get(path(invitation)).status_code == 404
