"""Segments over HTTP: save, try out, fill, explain, remove — and moving in and out by events alone."""

import threading
from typing import Any

import pytest
from django.db import connection

from segments.api import segments as routes
from segments.queries import trial
from tests.rest.client import ApiClient, make_key
from urm.rules import Problem, RuleError
from urm.tenancy.models import Tenant
from urm.tenancy.roles import SCOPES
from urm.tenancy.work import drain

RULE = {"fact": "event", "name": "purchase", "measure": "count", "op": "gte", "value": 2}


def buy(api: ApiClient, external_id: str, times: int = 1, **headers: str) -> Any:
    event = {"external_id": external_id, "name": "purchase", "amount": 10}
    return api.post("/api/v1/events", [event] * times, **headers)


@pytest.fixture
def shoppers(api: ApiClient, acme: Tenant) -> None:
    """c-1 bought once, c-2 twice, c-3 three times."""
    for n in (1, 2, 3):
        buy(api, f"c-{n}", n)
    drain(acme.pk)


def ids(response: Any) -> list[str]:
    return sorted(row["external_id"] for row in response.json()["data"])


@pytest.mark.django_db
@pytest.mark.usefixtures("shoppers")
def test_segment_is_saved_filled_listed_and_removed(api: ApiClient, acme: Tenant) -> None:
    saved = api.post("/api/v1/segments", {"name": "Regulars", "rule": RULE, "value_proposition": "Free delivery"})
    assert saved.status_code == 201
    body = saved.json()
    path = f"/api/v1/segments/{body['id']}"
    assert (body["rule"], body["computing"], body["size"]) == ({"version": 1, **RULE}, True, 0)
    assert set(body["words"]) == {"en", "zh-hans"}
    drain(acme.pk)
    filled = api.get(path).json()
    assert (filled["computing"], filled["size"], filled["problem"]) == (False, 2, "")
    assert [row["size"] for row in api.get("/api/v1/segments?name=REGUL").json()["data"]] == [2]
    assert ids(api.get(f"{path}/members")) == ["c-2", "c-3"]
    assert ids(api.get(f"/api/v1/members?segment={body['id']}")) == ["c-2", "c-3"]
    assert api.get("/api/v1/members/c-2/segments").json()["segments"] == [{"id": body["id"], "name": "Regulars"}]
    changed = api.patch(path, {"rule": RULE | {"value": 3}})
    assert (changed.status_code, changed.json()["computing"]) == (200, True)
    drain(acme.pk)
    assert ids(api.get(f"{path}/members")) == ["c-3"]
    assert [api.delete(path).status_code for _ in range(2)] == [204, 404]
    assert api.get("/api/v1/members/c-3/segments").json()["segments"] == []


@pytest.mark.django_db
@pytest.mark.usefixtures("shoppers")
def test_preview_counts_without_saving(api: ApiClient) -> None:
    body = api.post("/api/v1/segments/preview", {"rule": RULE}).json()
    assert (body["count"], [row["external_id"] for row in body["sample"]]) == (2, ["c-2", "c-3"])
    assert body["words"]["en"] != body["words"]["zh-hans"]
    past = api.post("/api/v1/segments/preview", {"rule": RULE, "as_of": "2020-01-01T00:00:00Z"}).json()
    assert (past["count"], past["as_of"]) == (0, "2020-01-01T00:00:00Z")
    assert api.get("/api/v1/segments").json()["data"] == []


@pytest.mark.django_db
@pytest.mark.usefixtures("shoppers")
def test_preview_tells_what_each_condition_lets_through(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    once = {"fact": "event", "name": "purchase", "measure": "sum:amount", "op": "lt", "value": 30}
    rule = {"all": [RULE, {"any": [once, {"fact": "profile", "name": "email", "op": "is_set"}]}]}
    body = api.post("/api/v1/segments/preview", {"rule": rule, "contributions": True}).json()
    assert (body["count"], body["everybody"], body["margin"]) == (1, 3, None)
    assert [row["external_id"] for row in body["sample"]] == ["c-2"]
    assert [(one["path"], one["alone"], one["together"]) for one in body["conditions"]] == [
        ("rule", 1, None),
        ("rule.all[0]", 2, 2),
        ("rule.all[1]", 2, 1),
        ("rule.all[1].any[0]", 2, None),
        ("rule.all[1].any[1]", 0, None),
    ]
    assert [one["share"] for one in body["conditions"]] == [1 / 3, 2 / 3, 2 / 3, 2 / 3, 0]
    plain = api.post("/api/v1/segments/preview", {"rule": rule}).json()
    assert {name: body[name] for name in plain if name != "as_of"} == {
        name: value for name, value in plain.items() if name != "as_of"
    }
    past = {"rule": rule, "contributions": True, "as_of": "2020-01-01T00:00:00Z"}
    body = api.post("/api/v1/segments/preview", past).json()
    assert (body["count"], body["everybody"], body["as_of"], body["read_now"]) == (
        0,
        0,
        "2020-01-01T00:00:00Z",
        ["profile"],
    )
    monkeypatch.setattr(trial, "EXACT_UP_TO", 1)
    sampled = api.post("/api/v1/segments/preview", {"rule": rule, "contributions": True, "exact": False}).json()
    assert sampled["margin"] > 0


@pytest.mark.django_db
@pytest.mark.usefixtures("shoppers")
def test_preview_that_takes_too_long_says_what_to_do(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_given: Any, **_more: Any) -> None:
        raise RuleError([Problem("rule", "Counting takes longer", "too_slow")])

    monkeypatch.setattr(routes, "try_rule", slow)
    refused = api.post("/api/v1/segments/preview", {"rule": RULE, "contributions": True})
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (400, ["contributions"])


@pytest.mark.django_db
@pytest.mark.usefixtures("shoppers")
def test_wrong_rule_is_refused_with_its_places(api: ApiClient) -> None:
    rule = {"all": [RULE | {"value": "two"}, {"fact": "evnt", "op": "eq", "value": 1}]}
    for path, body in [("/api/v1/segments/preview", {"rule": rule}), ("/api/v1/segments", {"name": "X", "rule": rule})]:
        response = api.post(path, body)
        assert response.status_code == 400
        assert set(response.json()["error"]["fields"]) == {"rule.all[0].value", "rule.all[1].fact"}
        assert "event" in response.json()["error"]["fields"]["rule.all[1].fact"][0]


@pytest.mark.django_db
@pytest.mark.parametrize("depth", [20, 21, 60, 100])
def test_deep_rule_is_taken_to_its_limit_and_refused_beyond(api: ApiClient, acme: Tenant, depth: int) -> None:
    rule: Any = {"fact": "profile", "name": "email", "op": "is_set"}
    for _ in range(depth - 1):
        rule = {"all": [rule]}
    response = api.post("/api/v1/segments/preview", {"rule": rule})
    assert response.status_code == (200 if depth == 20 else 400)


@pytest.mark.django_db
@pytest.mark.usefixtures("shoppers")
def test_explanation_says_what_is_missing_in_either_language(api: ApiClient, acme: Tenant) -> None:
    pk = api.post("/api/v1/segments", {"name": "Regulars", "rule": RULE}).json()["id"]
    drain(acme.pk)
    why = {n: api.get(f"/api/v1/segments/{pk}/explain/c-{n}").json() for n in (1, 2)}
    assert [(one["in_segment"], one["explanation"]["met"]) for one in why.values()] == [(False, False), (True, True)]
    assert why[1]["explanation"]["kind"] == "condition"
    assert why[1]["explanation"]["actual"] == "1"
    chinese = api.get(f"/api/v1/segments/{pk}/explain/c-1?language=zh-hans").json()
    assert chinese["explanation"]["words"] != why[1]["explanation"]["words"]
    assert api.get(f"/api/v1/segments/{pk}/explain/c-1?language=fr").status_code == 400
    assert api.get(f"/api/v1/segments/{pk}/explain/nobody").status_code == 404


@pytest.mark.django_db
@pytest.mark.usefixtures("shoppers")
def test_segment_in_use_is_not_removed(api: ApiClient) -> None:
    pk = api.post("/api/v1/segments", {"name": "Regulars", "rule": RULE}).json()["id"]
    api.post("/api/v1/segments", {"name": "Others", "rule": {"not": {"fact": "segment", "id": pk, "op": "is_true"}}})
    response = api.delete(f"/api/v1/segments/{pk}")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "in_use")
    assert "Others" in response.json()["error"]["message"]


@pytest.mark.django_db
@pytest.mark.usefixtures("shoppers")
def test_static_list_takes_members_by_hand(api: ApiClient, acme: Tenant) -> None:
    pk = api.post("/api/v1/segments", {"name": "Guests", "kind": "static"}).json()["id"]
    path = f"/api/v1/segments/{pk}/members"
    assert api.post(path, {"external_ids": ["c-1", "c-2"]}).json() == {"added": 2}
    assert api.post(path, {"external_ids": ["c-2", "c-3"]}).json() == {"added": 1}
    refused = api.post(path, {"external_ids": ["c-1", "nobody"]})
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (400, ["external_ids[1]"])
    assert [api.delete(f"{path}/c-2").status_code for _ in range(2)] == [204, 404]
    drain(acme.pk)
    assert ids(api.get(path)) == ["c-1", "c-3"]


@pytest.mark.django_db
def test_rule_language_names_what_the_workspace_has(api: ApiClient, outsider: ApiClient, acme: Tenant) -> None:
    buy(api, "c-1")
    drain(acme.pk)
    assert "purchase" in str(api.get("/api/v1/rule-schema").json())
    assert "purchase" not in str(outsider.get("/api/v1/rule-schema").json())


@pytest.mark.usefixtures("committed_db")
def test_event_moves_a_member_in_before_a_waiting_answer() -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    api = ApiClient(make_key(tenant, scopes=list(SCOPES)))
    buy(api, "c-1")
    drain(tenant.pk)
    pk = api.post("/api/v1/segments", {"name": "Regulars", "rule": RULE}).json()["id"]
    drain(tenant.pk)
    assert ids(api.get(f"/api/v1/segments/{pk}/members")) == []

    def work() -> None:
        drain(tenant.pk)
        connection.close()

    worker = threading.Timer(0.3, work)
    worker.start()
    response = buy(api, "c-1", prefer="wait")
    worker.join()
    assert (response.status_code, response.json()["status"]) == (200, "absorbed")
    assert ids(api.get(f"/api/v1/segments/{pk}/members")) == ["c-1"]
    names = [row["name"] for row in api.get("/api/v1/members/c-1/timeline?name=urm.segment.entered").json()["data"]]
    assert names == ["urm.segment.entered"]
