"""How many statements each read costs — the same for one row and for three."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.cast import Cast, make_crowd
from tests.api.routes import api_routes
from tests.rest.client import ApiClient
from urm.tenancy.models import Tenant

# The key is one of them, each time. A new route is missed here until its figure is written down.
STATEMENTS = {
    "/api/v1/audience-syncs": 2,
    "/api/v1/audience-syncs/{sync_id}": 2,
    "/api/v1/audience-syncs/{sync_id}/batches": 3,
    "/api/v1/campaigns": 2,
    "/api/v1/campaigns/{campaign_id}": 2,
    "/api/v1/campaigns/{campaign_id}/report": 6,
    "/api/v1/exports/{export_id}": 3,
    "/api/v1/files/{file_id}": 2,
    "/api/v1/imports": 2,
    "/api/v1/imports/{import_id}": 2,
    "/api/v1/imports/{import_id}/problems": 3,
    "/api/v1/jobs/{job_id}": 2,
    "/api/v1/kpis": 1,
    "/api/v1/kpis/{name}": 4,
    "/api/v1/loyalty/{external_id}": 5,
    "/api/v1/loyalty/{external_id}/redemptions": 4,
    "/api/v1/loyalty/{external_id}/transfers": 4,
    "/api/v1/members": 5,
    "/api/v1/members/{external_id}": 5,
    "/api/v1/members/{external_id}/consents": 3,
    "/api/v1/members/{external_id}/consents/history": 3,
    "/api/v1/members/{external_id}/merges": 3,
    "/api/v1/members/{external_id}/scores": 4,
    "/api/v1/members/{external_id}/segments": 5,
    "/api/v1/members/{external_id}/timeline": 5,
    "/api/v1/rewards": 2,
    "/api/v1/rfm": 3,
    "/api/v1/rfm/members": 3,
    "/api/v1/rule-schema": 11,
    "/api/v1/scores": 4,
    "/api/v1/segments": 6,
    "/api/v1/segments/overlap": 3,
    "/api/v1/segments/{segment_id}": 5,
    "/api/v1/segments/{segment_id}/explain/{external_id}": 9,
    "/api/v1/segments/{segment_id}/history": 4,
    "/api/v1/segments/{segment_id}/history/{external_id}": 5,
    "/api/v1/segments/{segment_id}/members": 6,
    "/api/v1/segments/{segment_id}/portrait": 26,
    "/api/v1/segments/{segment_id}/propositions": 3,
    "/api/v1/segments/{segment_id}/propositions/versions": 3,
    "/api/v1/segments/{segment_id}/snapshots": 6,
    "/api/v1/segments/{segment_id}/trend": 5,
    "/api/v1/stages": 5,
    "/api/v1/stages/flow": 3,
    "/api/v1/stages/stays": 4,
    "/api/v1/stages/targets": 3,
    "/api/v1/suppressions": 2,
    "/api/v1/suppressions/{suppression_id}": 2,
    "/api/v1/surveys": 2,
    "/api/v1/surveys/{survey_id}": 4,
    "/api/v1/surveys/{survey_id}/responses": 4,
}


# What a read cannot do without.
QUERIES = {"/api/v1/segments/overlap": "?segment={segment_id}"}


def cost_of(client: ApiClient, cast: Cast) -> tuple[dict[str, int], dict[str, int]]:
    """Statements and rows of every read."""
    statements, rows = {}, {}
    for route in api_routes():
        if "get" in route.methods:
            path = (route.path + QUERIES.get(route.path, "")).format(**cast)
            with CaptureQueriesContext(connection) as queries:
                response = client.get(path)
            assert response.status_code == 200, (path, response.content)
            statements[route.path] = len(queries)
            if set(response.json()) == {"data", "next"}:
                rows[route.path] = len(response.json()["data"])
    return statements, rows


@pytest.mark.django_db
def test_reads_cost_the_same_for_one_row_and_for_three(
    api: ApiClient, outsider: ApiClient, acme: Tenant, globex: Tenant
) -> None:
    one, three = make_crowd(acme, 1), make_crowd(globex, 3)
    for client in (api, outsider):
        client.get("/api/v1/members")  # notes the key's last use
    (few, some), (many, more) = cost_of(api, one), cost_of(outsider, three)
    assert few == STATEMENTS
    assert many == STATEMENTS
    assert {path for path in some if not 0 < some[path] < more[path]} == set()
