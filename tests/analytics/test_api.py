"""Key figures over REST."""

import pytest
import time_machine

from analytics.actions import compute_rfm
from analytics.models import RfmScore
from analytics.queries import registered_kpis
from analytics.queries.rfm import READY, block_rule, cells, latest_grid
from members.actions import upsert_member
from members.models import Member
from segments.actions import add_to_list, create_segment, recompute_segments
from tests.analytics.sending import NOW, purchase, roll, send
from tests.analytics.test_rfm import buyers, told
from tests.rest.client import ApiClient, make_key
from tests.rest.conftest import api, outsider, publishable
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

__all__ = ["api", "outsider", "publishable"]
pytestmark = pytest.mark.django_db


def test_kpis_are_listed_with_their_definitions_in_both_languages(api: ApiClient) -> None:
    listed = api.get("/api/v1/kpis").json()["data"]
    assert [kpi["name"] for kpi in listed] == [kpi.name for kpi in registered_kpis()]
    for kpi in listed:
        assert set(kpi["definition"]) == {"en", "zh-hans"}
        assert kpi["definition"]["en"] != kpi["definition"]["zh-hans"]


def test_kpi_says_value_denominator_zone_and_what_is_incomplete(api: ApiClient, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        send([purchase("a", "2025-06-10"), purchase("a", "2025-06-12"), purchase("b", "2025-07-02")])
        roll()
    with time_machine.travel(NOW, tick=False):
        answer = api.get("/api/v1/kpis/repeat_purchase_rate?from=2025-06&to=2025-08").json()
    assert (answer["time_zone"], answer["period"], answer["from"], answer["to"], answer["by"]) == (
        "America/New_York",
        "month",
        "2025-06-01",
        "2025-08-01",
        None,
    )
    assert answer["settings"] == {"purchase_event": "purchase", "churn_window_days": 90}
    assert [
        (point["from"], point["value"], point["numerator"], point["denominator"], point["incomplete"])
        for point in answer["points"]
    ] == [("2025-06-01", 1.0, 1, 1, False), ("2025-07-01", 0.0, 0, 1, True)]


def test_kpi_split_names_its_groups(api: ApiClient, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        send([purchase("a", "2025-06-10")])
        roll()
    points = api.get("/api/v1/kpis/orders?from=2025-06&to=2025-07&by=country").json()["points"]
    assert [(point["group"], point["label"], point["value"]) for point in points] == [("", "unknown", 1)]


def test_kpi_of_one_workspace_does_not_count_the_other(api: ApiClient, outsider: ApiClient, globex: Tenant) -> None:
    with tenant_context(globex.pk):
        send([purchase("a", "2025-06-10")])
        roll()
    sums = [
        client.get("/api/v1/kpis/orders?from=2025-06&to=2025-07").json()["points"][0]["value"]
        for client in (api, outsider)
    ]
    assert sums == [0, 1]


@pytest.mark.parametrize(
    ("query", "field"),
    [("from=soon", "from"), ("by=hat", "by"), ("period=hour", "period"), ("form=2025-01", "form")],
)
def test_kpi_refuses_a_parameter_by_name(api: ApiClient, query: str, field: str) -> None:
    response = api.get(f"/api/v1/kpis/orders?{query}")
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_kpi_unknown_is_not_found(api: ApiClient) -> None:
    response = api.get("/api/v1/kpis/happiness")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_kpis_need_their_scope(acme: Tenant, publishable: ApiClient) -> None:
    assert publishable.get("/api/v1/kpis").status_code == 403
    poor = ApiClient(make_key(acme, scopes=["members.view"]))
    assert poor.get("/api/v1/kpis/churn").status_code == 403


@pytest.fixture
def shop(acme: Tenant) -> None:
    with tenant_context(acme.pk):
        told(buyers(37))
        compute_rfm(now=NOW)


def test_rfm_grid_has_cells_limits_and_ready_segments(api: ApiClient, acme: Tenant, shop: None) -> None:
    answer = api.get("/api/v1/rfm").json()
    with tenant_context(acme.pk):
        grid, found = latest_grid(), cells()
        assert grid is not None
        rules = [block_rule(grid, one.blocks) for one in READY]
    assert (answer["day"], answer["buyers"], answer["event"], answer["currency"]) == (
        "2025-07-16",
        37,
        "purchase",
        "USD",
    )
    assert {(one["r"], one["f"]): one["count"] for one in answer["cells"]} == {
        at: one.count for at, one in found.items()
    }
    assert [one["f"] for one in answer["limits"]] == list(reversed(grid.cuts["f"]))
    assert [one["name"] for one in answer["ready"]] == [one.key for one in READY]
    assert [one["rule"] for one in answer["ready"]] == rules
    assert sum(one["count"] for one in answer["ready"]) == 37
    assert api.post("/api/v1/rfm", {}).status_code == 202
    assert api.get("/api/v1/rfm").json()["computing"] is True


def test_rfm_members_are_those_of_a_cell(api: ApiClient, acme: Tenant, shop: None) -> None:
    with tenant_context(acme.pk):
        ids = dict(Member.objects.values_list("pk", "external_id"))
        scored = [
            (ids[row.member_id], row.r, row.f, row.m, row.orders) for row in RfmScore.objects.order_by("member_id")
        ]
    rows = api.get("/api/v1/rfm/members?limit=200").json()["data"]
    assert [(row["external_id"], row["r"], row["f"], row["m"], row["orders"]) for row in rows] == scored
    cell = api.get("/api/v1/rfm/members?r=5&f=4").json()["data"]
    assert [row["external_id"] for row in cell] == [one[0] for one in scored if one[1:3] == (5, 4)]
    assert api.get("/api/v1/rfm/members?r=6").status_code == 400


def test_rfm_segment_is_made_by_name_or_by_cell(api: ApiClient, shop: None) -> None:
    ready = {one["name"]: one["rule"] for one in api.get("/api/v1/rfm").json()["ready"]}
    made = api.post("/api/v1/rfm/segments", {"ready": "champions"})
    assert (made.status_code, made.json()["name"], made.json()["rule"]) == (201, "Champions", ready["champions"])
    assert api.post("/api/v1/rfm/segments", {"r": 5, "f": 5}).json()["name"] == "R5 F5"
    for wrong in ({}, {"r": 5}, {"ready": "champions", "r": 5, "f": 5}, {"ready": "nobody"}):
        assert api.post("/api/v1/rfm/segments", wrong).status_code == 400


def test_rfm_without_purchases_is_empty(api: ApiClient) -> None:
    answer = api.get("/api/v1/rfm").json()
    assert (answer["day"], answer["buyers"], answer["cells"], answer["limits"]) == (None, 0, [], [])
    refused = api.post("/api/v1/rfm/segments", {"ready": "champions"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_grid")


def test_portrait_stands_beside_everybody_else(api: ApiClient, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        people = [
            upsert_member(external_id=f"c-{n}", traits={"gender": "female" if n < 30 else "male"})[0] for n in range(80)
        ]
        chosen = create_segment(name="Chosen", kind="static")
        add_to_list(segment=chosen, members=people[:40])
        recompute_segments()
    path = f"/api/v1/segments/{chosen.pk}/portrait"
    answer = api.get(path).json()
    assert (answer["size"], answer["others"], answer["sampled"]) == (40, 40, False)
    [gender] = [one for one in answer["features"] if one["name"] == "profile.gender"]
    assert (gender["title"], gender["known"]) == ("Gender", {"inside": 40, "outside": 40})
    assert [(one["key"], one["share"], one["others"], one["index"], one["small"]) for one in gender["values"]] == [
        ("female", 0.75, 0.0, None, False),
        ("male", 0.25, 1.0, 25, False),
    ]
    [chinese] = [
        one for one in api.get(f"{path}?language=zh-hans").json()["features"] if one["name"] == "profile.gender"
    ]
    assert chinese["title"] == "性别"
    assert api.get(f"{path}?language=fr").status_code == 400
    assert api.get("/api/v1/segments/2000000123/portrait").status_code == 404
