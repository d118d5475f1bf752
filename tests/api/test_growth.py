"""How segments grow, over HTTP: entries and exits, sizes, snapshots, overlap, value propositions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from members.actions import merge_members
from members.models import Member
from tests.api.test_segments import RULE, buy, ids
from tests.rest.client import ApiClient
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def segment(api: ApiClient, name: str, at_least: int, **more: Any) -> int:
    rule = {**RULE, "value": at_least, **more}
    return int(api.post("/api/v1/segments", {"name": name, "rule": rule}).json()["id"])


@pytest.fixture
def regulars(api: ApiClient, acme: Tenant) -> int:
    """Two purchases in ten days: c-2 enters on the third day, c-3 on the fourth, and c-2 leaves by the twelfth."""
    with time_machine.travel(START, tick=False):
        buy(api, "c-9")  # a rule can only name an event that there is
        drain(acme.pk)
        pk = segment(api, "Regulars", 2, window={"days": 10})
        drain(acme.pk)
    for day, who in [(1, "c-2"), (2, "c-2"), (3, "c-3"), (3, "c-3"), (4, "c-1")]:
        with time_machine.travel(START + timedelta(days=day), tick=False):
            buy(api, who)
        with time_machine.travel(START + timedelta(days=day, seconds=1), tick=False):
            drain(acme.pk)
    with time_machine.travel(START + timedelta(days=11, hours=1), tick=False):
        drain(acme.pk)
    return pk


def steps(response: Any) -> list[tuple[str, bool, str]]:
    assert response.status_code == 200, response.content
    return [(row["external_id"], row["entered"], row["cause"]) for row in response.json()["data"]]


def test_history_tells_who_entered_and_left_newest_first(api: ApiClient, regulars: int) -> None:
    path = f"/api/v1/segments/{regulars}/history"
    assert steps(api.get(path)) == [("c-2", False, "time"), ("c-3", True, "member"), ("c-2", True, "member")]
    assert steps(api.get(f"{path}?entered=false")) == [("c-2", False, "time")]
    assert steps(api.get(f"{path}?at_before=2026-03-04T00:00:00Z")) == [("c-2", True, "member")]
    assert api.get(f"{path}?enterd=true").status_code == 400


def test_history_is_paged_by_key(api: ApiClient, regulars: int) -> None:
    seen, path = [], f"/api/v1/segments/{regulars}/history?limit=1"
    while path:
        answer = api.get(path)
        seen += steps(answer)
        path = (answer.json()["next"] or "").partition("/api/")[2]
        path = f"/api/{path}" if path else ""
    assert seen == steps(api.get(f"/api/v1/segments/{regulars}/history"))


def test_history_of_a_member_names_the_event_that_led_to_it(api: ApiClient, acme: Tenant, regulars: int) -> None:
    path = f"/api/v1/segments/{regulars}/history/c-2"
    left, entered = api.get(path).json()["data"]
    assert (left["entered"], left["cause"], left["event"], left["event_id"]) == (False, "time", None, None)
    assert (entered["event"]["name"], entered["event"]["occurred_at"]) == ("purchase", "2026-03-03T12:00:00Z")
    assert entered["event"]["id"] == entered["event_id"]
    assert api.get(f"/api/v1/segments/{regulars}/history/c-1").json() == {"data": [], "next": None}
    with tenant_context(acme.pk):
        survivor, other = (Member.objects.get(external_id=one) for one in ("c-1", "c-2"))
        merge_members(survivor=survivor, other=other)
    assert steps(api.get(path))[-1] == ("c-1", True, "member")
    assert steps(api.get(f"/api/v1/segments/{regulars}/history"))[-1] == ("c-1", True, "member")


def test_trend_has_the_size_at_the_end_of_each_local_day(api: ApiClient, regulars: int) -> None:
    with time_machine.travel(START + timedelta(days=12), tick=False):
        answer = api.get(f"/api/v1/segments/{regulars}/trend?days=12").json()
    assert answer["time_zone"] == "America/New_York"
    assert [(day["day"], day["size"]) for day in answer["days"]] == [
        *((f"2026-03-{day:02}", size) for day, size in [(2, 0), (3, 1), (4, 2), (5, 2), (6, 2), (7, 2), (8, 2)]),
        *((f"2026-03-{day:02}", size) for day, size in [(9, 2), (10, 2), (11, 2), (12, 1), (13, 1)]),
    ]
    assert api.get(f"/api/v1/segments/{regulars}/trend?days=367").status_code == 400


def test_snapshot_keeps_who_was_in_the_segment(api: ApiClient, acme: Tenant, regulars: int) -> None:
    path = f"/api/v1/segments/{regulars}/snapshots"
    named = api.post(path, {"name": "Before the sale"}).json()
    assert (named["kind"], named["snapshot_of"], named["rule"]) == ("static", regulars, {})
    with time_machine.travel(datetime(2026, 3, 13, 8, 30, tzinfo=UTC), tick=False):
        assert api.post(path, {}).json()["name"] == "Regulars · 2026-03-13 04:30"
        assert api.post(path, {}).json()["name"] == "Regulars · 2026-03-13 04:30 (2)"
    buy(api, "c-1", 2)
    drain(acme.pk)
    assert ids(api.get(f"/api/v1/segments/{named['id']}/members")) == ["c-3"]
    assert {(row["snapshot_of"], row["size"]) for row in api.get(path).json()["data"]} == {(regulars, 1)}
    assert len(api.get(path).json()["data"]) == 3
    taken = api.post(path, {"name": "Before the sale"})
    assert (taken.status_code, list(taken.json()["error"]["fields"])) == (400, ["name"])


def test_overlap_counts_each_member_once_and_gives_the_rule_of_each_part(api: ApiClient, acme: Tenant) -> None:
    for n in (1, 2, 3):
        buy(api, f"c-{n}", n)
    drain(acme.pk)
    once, twice = segment(api, "Once", 1), segment(api, "Twice", 2)
    drain(acme.pk)
    answer = api.get(f"/api/v1/segments/overlap?segment={once}&segment={twice}").json()
    assert [(one["id"], one["size"]) for one in answer["segments"]] == [(once, 3), (twice, 2)]
    parts = [(one["inside"], one["outside"], one["count"], one["share"]) for one in answer["combinations"]]
    assert (answer["anywhere"], parts) == (3, [([once, twice], [], 2, 2 / 3), ([once], [twice], 1, 1 / 3)])
    counted = [
        api.post("/api/v1/segments/preview", {"rule": one["rule"]}).json()["count"] for one in answer["combinations"]
    ]
    assert counted == [2, 1]


@pytest.mark.parametrize("query", ["", "?segment=x", "?segment=2000000123", "?segment=1" + "&segment=2" * 5])
def test_overlap_refuses_what_is_no_segment(api: ApiClient, query: str) -> None:
    refused = api.get(f"/api/v1/segments/overlap{query}")
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (400, ["segment"])


def test_value_proposition_is_kept_version_by_version(api: ApiClient, regulars: int) -> None:
    path = f"/api/v1/segments/{regulars}/propositions"
    assert api.get(path).json() == {"data": []}
    empty = api.put(path, {"language": "en", "wording": ""})
    assert (empty.status_code, list(empty.json()["error"]["fields"])) == (400, ["wording"])
    for body in (
        {"language": "en", "wording": "Tea", "pain_points": "Thirst"},
        {"language": "en", "wording": "Green tea"},
        {"language": "en", "wording": "Green tea"},
        {"language": "zh-hans", "wording": "绿茶"},
    ):
        assert api.put(path, body).json()["wording"] == body["wording"]
    held = [
        (row["language"], row["version"], row["wording"], row["pain_points"]) for row in api.get(path).json()["data"]
    ]
    assert held == [("en", 2, "Green tea", ""), ("zh-hans", 1, "绿茶", "")]
    versions = api.get(f"{path}/versions").json()["data"]
    assert [(row["language"], row["version"]) for row in versions] == [("zh-hans", 1), ("en", 2), ("en", 1)]
    assert api.get(f"/api/v1/segments/{regulars}").json()["value_proposition"] == "Green tea"
