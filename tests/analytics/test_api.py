"""Key figures over REST."""

import pytest
import time_machine

from analytics.queries import registered_kpis
from tests.analytics.sending import NOW, purchase, roll, send
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
