"""Surveys and responses over REST."""

from typing import Any

import pytest

from feedback.actions import update_survey
from feedback.models import Answer, Response, Survey
from members.models import Member
from tests.feedback.conftest import make_survey
from tests.rest.client import ApiClient
from tests.rest.conftest import api, outsider, publishable
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

__all__ = ["api", "outsider", "publishable"]


def body(survey: Survey, value: Any = 9, **others: Any) -> dict[str, Any]:
    question = survey.questions.get(kind="nps")
    return {"answers": [{"question_id": question.pk, "value": value}], **others}


def test_response_is_taken_once_by_its_key(api: ApiClient, survey: Survey, ada: Member) -> None:
    address = f"/api/v1/surveys/{survey.pk}/responses"
    first = api.post(address, body(survey, external_id="ada"), idempotency_key="k1")
    again = api.post(address, body(survey, external_id="ada"), idempotency_key="k1")
    changed = api.post(address, body(survey, 1, external_id="ada"), idempotency_key="k1")
    assert (first.status_code, again.status_code, changed.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert (first.json()["external_id"], first.json()["nps"], Response.objects.count()) == ("ada", 9, 1)


@pytest.mark.parametrize("value", [11, -1, 9.5, "nine", True, None, [], {}, "", "9\u0661", 10**15])
def test_impossible_answer_is_named(api: ApiClient, survey: Survey, value: Any) -> None:
    answer = api.post(f"/api/v1/surveys/{survey.pk}/responses", body(survey, value))
    question = survey.questions.get(kind="nps")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [f"answers.{question.pk}"]
    assert not Answer.objects.exists()


def test_unknown_questions_and_members_are_refused(api: ApiClient, survey: Survey) -> None:
    address = f"/api/v1/surveys/{survey.pk}/responses"
    stranger = api.post(address, body(survey, external_id="nobody"))
    question = api.post(address, {"answers": [{"question_id": 999_999, "value": 1}]})
    twice = api.post(address, {"answers": body(survey)["answers"] * 2})
    assert [answer.status_code for answer in (stranger, question, twice)] == [400, 400, 400]
    assert list(stranger.json()["error"]["fields"]) == ["external_id"]


def test_anonymous_survey_refuses_a_name(api: ApiClient, in_acme: Tenant, ada: Member) -> None:
    survey = make_survey(name="Quiet", anonymous=True)
    address = f"/api/v1/surveys/{survey.pk}/responses"
    assert api.post(address, body(survey, external_id="ada")).status_code == 400
    assert api.post(address, body(survey)).json()["external_id"] is None


def test_closed_survey_is_a_conflict(api: ApiClient, survey: Survey) -> None:
    update_survey(survey=survey, active=False)
    answer = api.post(f"/api/v1/surveys/{survey.pk}/responses", body(survey))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "survey_inactive")


def test_score_is_shown_from_the_minimum(api: ApiClient, survey: Survey) -> None:
    update_survey(survey=survey, minimum_answers=3)
    address = f"/api/v1/surveys/{survey.pk}"
    for value in (10, 9):
        api.post(f"{address}/responses", body(survey, value))
    assert api.get(address).json()["nps"]["score"] is None
    api.post(f"{address}/responses", body(survey, 0, simulated=True))
    nps = api.get(address).json()["nps"]
    assert (nps["n"], nps["promoters"], nps["detractors"], nps["simulated"]) == (3, 2, 1, 1)
    assert nps["score"] == pytest.approx(100 / 3)


def test_responses_are_listed_by_score(api: ApiClient, survey: Survey) -> None:
    address = f"/api/v1/surveys/{survey.pk}/responses"
    for value in (10, 3, 7):
        api.post(address, body(survey, value))
    found = api.get(f"{address}?nps_to=7").json()["data"]
    assert sorted(one["nps"] for one in found) == [3, 7]


def test_another_workspace_sees_nothing(acme: Tenant, outsider: ApiClient) -> None:
    with tenant_context(acme.pk):
        survey = make_survey()
        given = body(survey)
    theirs, none = f"/api/v1/surveys/{survey.pk}", "/api/v1/surveys/987654"
    for suffix in ("", "/responses"):
        assert outsider.get(theirs + suffix).content == outsider.get(none + suffix).content
    posted = [outsider.post(f"{address}/responses", given) for address in (theirs, none)]
    assert [answer.status_code for answer in posted] == [404, 404]
    assert posted[0].content == posted[1].content
    assert outsider.get("/api/v1/surveys").json()["data"] == []


def test_publishable_key_is_refused(publishable: ApiClient, survey: Survey) -> None:
    answer = publishable.post(f"/api/v1/surveys/{survey.pk}/responses", body(survey), origin="https://shop.example.com")
    assert answer.status_code == 403
