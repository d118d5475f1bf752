from datetime import UTC, datetime
from typing import Any

import pytest

from members.models import Tag
from tests.rest.client import ApiClient
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.rest.routes")]


@pytest.fixture
def tags(acme: Tenant, globex: Tenant) -> None:
    """Seven in each workspace; five share one moment, so the order needs the id."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for tenant in (acme, globex):
        with tenant_context(tenant.pk):
            for n in range(7):
                Tag.objects.create(name=f"{tenant.slug}{n}", created_at=noon.replace(hour=max(12, n + 8)))


def walk(api: ApiClient, path: str) -> list[list[str]]:
    pages = []
    link: str | None = path
    while link is not None:
        page = api.get(link).json()
        pages.append([row["name"] for row in page["data"]])
        link = page["next"].removeprefix("http://localhost:8000") if page["next"] else None
    return pages


@pytest.mark.usefixtures("tags")
def test_pages_follow_one_another_without_gap_or_repeat(api: ApiClient) -> None:
    assert walk(api, "/api/v1/tags?limit=3") == [
        ["acme6", "acme5", "acme4"],
        ["acme3", "acme2", "acme1"],
        ["acme0"],
    ]
    assert walk(api, "/api/v1/tags?limit=7") == [[f"acme{n}" for n in reversed(range(7))]]


@pytest.mark.usefixtures("tags")
def test_next_page_is_unmoved_by_new_rows(api: ApiClient, acme: Tenant) -> None:
    first = api.get("/api/v1/tags?limit=3").json()
    with tenant_context(acme.pk):
        Tag.objects.create(name="newest")
    second = api.get(first["next"].removeprefix("http://localhost:8000")).json()
    assert [row["name"] for row in second["data"]] == ["acme3", "acme2", "acme1"]


@pytest.mark.usefixtures("tags")
def test_filter_stays_on_the_next_page(api: ApiClient) -> None:
    page = api.get("/api/v1/tags?limit=1&name=acme3").json()
    assert ([row["name"] for row in page["data"]], page["next"]) == (["acme3"], None)


@pytest.mark.usefixtures("tags")
@pytest.mark.parametrize("limit", ["0", "201", "-1", "1e3", "", "x", "٣"])
def test_limit_out_of_range_is_refused(api: ApiClient, limit: str) -> None:
    response = api.get(f"/api/v1/tags?limit={limit}")
    assert (response.status_code, list(response.json()["error"]["fields"])) == (400, ["limit"])


@pytest.mark.usefixtures("tags")
def test_forged_or_foreign_cursor_is_refused(api: ApiClient, outsider: ApiClient) -> None:
    theirs = outsider.get("/api/v1/tags?limit=3").json()["next"].split("cursor=")[1]
    for cursor in [theirs, theirs[:-2], "x", "%00", "W10.abc"]:
        response = api.get(f"/api/v1/tags?cursor={cursor}")
        assert (response.status_code, list(response.json()["error"]["fields"])) == (400, ["cursor"])


@pytest.mark.usefixtures("tags")
def test_page_is_one_query_whatever_its_depth(api: ApiClient, django_assert_num_queries: Any) -> None:
    api.get("/api/v1/tags")  # notes the key's last use
    link = api.get("/api/v1/tags?limit=2").json()["next"].removeprefix("http://localhost:8000")
    for path in ("/api/v1/tags?limit=1", "/api/v1/tags?limit=3", link):
        with django_assert_num_queries(2) as queries:  # the key, the page
            api.get(path)
        assert "OFFSET" not in queries.captured_queries[-1]["sql"]
