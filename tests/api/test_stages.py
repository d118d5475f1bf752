"""Lifecycle stages and scores over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from segments.actions import compute_scores, edit_stage, install_default_stages
from segments.models import Stage
from tests.api.test_segments import RULE, buy
from tests.rest.client import ApiClient
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def stages(api: ApiClient, acme: Tenant) -> None:
    """Only two stages hold for anybody: conversion after a purchase, loyalty after three."""
    with time_machine.travel(START - timedelta(days=60, seconds=1), tick=False):
        buy(api, "c-1")
        buy(api, "c-2")
        drain(acme.pk)
    with time_machine.travel(START - timedelta(days=60), tick=False), tenant_context(acme.pk):
        install_default_stages()
        for stage in Stage.objects.all():
            least = {"conversion": 1, "loyalty": 3}.get(stage.key, 1000)
            position = {"loyalty": 1, "conversion": 2}.get(stage.key, 10)
            edit_stage(stage=stage, rule={**RULE, "value": least}, position=position)
        drain(acme.pk)
    with time_machine.travel(START - timedelta(seconds=1), tick=False):
        buy(api, "c-1", 2)
        buy(api, "c-3")
    with time_machine.travel(START, tick=False):
        drain(acme.pk)


def test_stages_have_their_rules_and_sizes(api: ApiClient, stages: None) -> None:
    answer = api.get("/api/v1/stages").json()
    sizes = {row["key"]: row["size"] for row in answer["data"] if row["size"]}
    assert (sizes, answer["without_stage"]) == ({"conversion": 2, "loyalty": 1}, 0)
    [loyalty] = [row for row in answer["data"] if row["key"] == "loyalty"]
    assert (loyalty["rule"]["value"], loyalty["share"], loyalty["words"]["en"]) == (
        3,
        1 / 3,
        "bought at least 3 times",
    )
    assert [row["flow"] for row in answer["data"]] == sorted(row["flow"] for row in answer["data"])


def test_flow_pairs_where_members_were_and_are(api: ApiClient, stages: None) -> None:
    with time_machine.travel(START + timedelta(days=1), tick=False):
        answer = api.get("/api/v1/stages/flow?days=30").json()
        assert api.get("/api/v1/stages/flow?days=731").status_code == 400
    assert answer["since"] == "2026-01-31T12:00:00Z"
    assert [(one["source"], one["target"], one["count"], one["share"]) for one in answer["data"]] == [
        ("new", "conversion", 1, 1.0),
        ("conversion", "conversion", 1, 0.5),
        ("conversion", "loyalty", 1, 0.5),
    ]


def test_stays_are_told_in_days(api: ApiClient, stages: None) -> None:
    with time_machine.travel(START + timedelta(days=2), tick=False):
        data = {row["stage"]: row for row in api.get("/api/v1/stages/stays").json()["data"]}
    assert data["conversion"] == {
        "stage": "conversion", "ended": 1, "lower": 60.0, "median": 60.0, "upper": 60.0, "now": 32.0,
    }  # fmt: skip
    assert (data["loyalty"]["ended"], data["loyalty"]["median"], data["loyalty"]["now"]) == (0, None, 2.0)


def test_target_is_set_replaced_listed_with_progress_and_removed(api: ApiClient, stages: None) -> None:
    given = {"stage": "loyalty", "month": "2026-03", "metric": "entered", "goal": 4}
    with time_machine.travel(START + timedelta(days=2), tick=False):
        first = api.put("/api/v1/stages/targets", given).json()
        second = api.put("/api/v1/stages/targets", {**given, "goal": 2}).json()
        assert second == {**given, "id": first["id"], "goal": 2, "reached": 1, "share": 0.5, "over": False}
        assert api.get("/api/v1/stages/targets").json() == {"data": [second]}
        assert api.get("/api/v1/stages/targets?from=2025-01&to=2025-12").json() == {"data": []}
        assert api.delete(f"/api/v1/stages/targets/{first['id']}").status_code == 204
        assert api.get("/api/v1/stages/targets").json() == {"data": []}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"stage": "nowhere"}, "stage"),
        ({"month": "2026-13"}, "month"),
        ({"metric": "x"}, "metric"),
        ({"goal": 0}, "goal"),
    ],
)
def test_target_refuses_by_field(api: ApiClient, stages: None, change: dict[str, object], field: str) -> None:
    given = {"stage": "loyalty", "month": "2026-03", "metric": "entered", "goal": 4}
    refused = api.put("/api/v1/stages/targets", given | change)
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (400, [field])


@pytest.mark.parametrize("query", ["from=2026", "to=2026-00", "from=2026-05&to=2026-04", "from=2020-01&to=2026-01"])
def test_targets_refuse_wrong_months(api: ApiClient, query: str) -> None:
    assert api.get(f"/api/v1/stages/targets?{query}").status_code == 400


def test_scores_say_what_they_mean_and_why_they_are_so(api: ApiClient, acme: Tenant, stages: None) -> None:
    with time_machine.travel(START + timedelta(hours=1), tick=False), tenant_context(acme.pk):
        compute_scores()
    listed = {row["name"]: row for row in api.get("/api/v1/scores").json()["data"]}
    assert (listed["activity"]["members"], listed["influence"]["members"]) == (3, 0)
    assert sum(one["members"] for one in listed["activity"]["bins"]) == 3
    [score] = [row for row in api.get("/api/v1/members/c-1/scores").json()["data"] if row["name"] == "activity"]
    assert score["label"] == listed["activity"]["label"]
    assert score["definition"] == listed["activity"]["definition"]
    assert score["reasons"] == [
        {
            "en": "active on 2 of the last 90 days, last on 2026-03-01",
            "zh-hans": "最近 90 天中有 2 天活跃，最近一次 2026-03-01",
        }
    ]
    assert score["value"] == 26.8  # 100 · (1 − e^(−(1 + 0.5²) ÷ 4))
    assert api.get("/api/v1/members/nobody/scores").status_code == 404
