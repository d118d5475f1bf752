"""Members over HTTP: write, read, find, tag, consent, erase."""

from datetime import UTC, datetime
from typing import Any

import pytest

from members.actions import add_tag, upsert_member
from members.models import AttributeDefinition
from tests.rest.client import ApiClient
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db

ADA = {"email": "ada@example.com", "first_name": "Ada", "attributes": {"household_size": 3}}


def fields_of(response: Any) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = response.json()["error"]["fields"]
    return fields


def test_put_creates_then_replaces(api: ApiClient) -> None:
    created = api.put("/api/v1/members/c-1", ADA)
    assert created.status_code == 201
    replaced = api.put("/api/v1/members/c-1", {"city": "Boston"})
    assert replaced.status_code == 200
    body = api.get("/api/v1/members/c-1").json()
    times = [body.pop(name) for name in ("first_seen_at", "created_at", "updated_at")]
    assert body == {
        "external_id": "c-1",
        "identities": {"external_id": ["c-1"]},
        "email": None,
        "phone": None,
        "first_name": None,
        "last_name": None,
        "birthday": None,
        "gender": None,
        "language": None,
        "city": "Boston",
        "region": None,
        "country": None,
        "source": None,
        "attributes": {},
        "tags": [],
    }
    assert [datetime.fromisoformat(time).tzinfo for time in times] == [UTC] * 3


def test_patch_changes_only_what_is_given(api: ApiClient) -> None:
    api.put("/api/v1/members/c-1", ADA)
    patched = api.patch(
        "/api/v1/members/c-1", {"last_name": "Byron", "attributes": {"pets": 2, "household_size": None}}
    )
    assert patched.status_code == 200
    body = patched.json()
    assert (body["first_name"], body["last_name"], body["attributes"]) == ("Ada", "Byron", {"pets": 2})


def test_patch_of_an_unknown_member_is_404(api: ApiClient) -> None:
    assert api.patch("/api/v1/members/nobody", {"city": "Boston"}).status_code == 404


def test_wrong_traits_are_named_with_their_remedy(api: ApiClient, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        AttributeDefinition.objects.create(name="household_size", type="number", label_en="Household size")
    traits = {"email": "ada", "birthday": "31.12.1990", "shoe": 42, "attributes": {"household_size": "three"}}
    assert fields_of(api.put("/api/v1/members/c-1", traits)) == {
        "email": ["Must be an e-mail address such as ada@example.com."],
        "birthday": ["Must be a date such as 1990-12-31."],
        "shoe": ["Unknown field. Put data of your own into attributes."],
        "attributes.household_size": ["Must be a value of type number."],
    }
    assert api.get("/api/v1/members/c-1").status_code == 404


@pytest.mark.parametrize("external_id", ["x" * 201, "%20c-1", "c-1%20"])
def test_external_id_out_of_bounds_is_refused(api: ApiClient, external_id: str) -> None:
    response = api.put(f"/api/v1/members/{external_id}", {})
    assert (response.status_code, list(fields_of(response))) == (400, ["external_id"])
    assert api.get(f"/api/v1/members/{external_id}").status_code == 404


def test_list_finds_by_search_tag_and_field(api: ApiClient, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        ada, _ = upsert_member(external_id="c-1", traits=ADA)
        upsert_member(
            external_id="c-2", traits={"first_name": "伟", "last_name": "王", "city": "上海", "language": "zh-hans"}
        )
        upsert_member(external_id="c-3", traits={"first_name": "Bob", "email": "bob@example.com", "city": "Boston"})
        add_tag(member=ada, name="vip")

    def found(query: str) -> list[str]:
        return [row["external_id"] for row in api.get(f"/api/v1/members?{query}").json()["data"]]

    assert found("") == ["c-3", "c-2", "c-1"]
    assert found("search=ada") == ["c-1"]
    assert found("search=王伟") == ["c-2"]
    assert found("search=EXAMPLE.com bob") == ["c-3"]
    assert found("email=ADA@example.com") == ["c-1"]
    assert found("tag=vip") == ["c-1"]
    assert found("tag=none") == []
    assert found("city=Boston&search=ada") == []
    assert found("created_before=2020-01-01T00:00:00Z") == []
    assert found("segment=7") == []
    assert api.get("/api/v1/members?tag=vip").json()["data"][0]["tags"] == ["vip"]


@pytest.mark.parametrize("query", ["segment=x", "segment=1.5", "created_from=yesterday", "serach=ada", "segment=-1"])
def test_list_refuses_filters_it_cannot_read(api: ApiClient, query: str) -> None:
    response = api.get(f"/api/v1/members?{query}")
    assert (response.status_code, list(fields_of(response))) == (400, [query.split("=", maxsplit=1)[0]])


def test_tag_is_added_once_and_taken_off_once(api: ApiClient) -> None:
    api.put("/api/v1/members/c-1", {})
    assert [api.post("/api/v1/members/c-1/tags/vip").status_code for _ in range(2)] == [201, 200]
    assert api.get("/api/v1/members/c-1").json()["tags"] == ["vip"]
    assert [api.delete("/api/v1/members/c-1/tags/vip").status_code for _ in range(2)] == [204, 404]
    assert api.get("/api/v1/members/c-1").json()["tags"] == []
    assert api.post("/api/v1/members/nobody/tags/vip").status_code == 404


def test_consent_holds_as_said_last(api: ApiClient) -> None:
    api.put("/api/v1/members/c-1", {})
    statement = {"channel": "email", "granted": True, "source": "checkout", "at": "2026-03-01T10:00:00Z"}
    assert api.post("/api/v1/members/c-1/consents", statement).status_code == 201
    older = api.post("/api/v1/members/c-1/consents", statement | {"granted": False, "at": "2026-02-01T10:00:00Z"})
    expected = {"channel": "email", "purpose": "marketing", "granted": True, "at": "2026-03-01T10:00:00Z"}
    assert older.json() == expected
    assert api.get("/api/v1/members/c-1/consents").json() == {"data": [expected], "next": None}


def test_erasure_is_queued_then_done(api: ApiClient, acme: Tenant) -> None:
    api.put("/api/v1/members/c-1", ADA)
    assert [api.delete("/api/v1/members/c-1").status_code for _ in range(2)] == [202, 202]
    drain(acme.pk, names=["erase"])
    assert api.get("/api/v1/members/c-1").status_code == 404
    assert api.get("/api/v1/members").json()["data"] == []


def test_reading_costs_the_same_queries_for_one_member_and_for_three(
    api: ApiClient, acme: Tenant, django_assert_num_queries: Any
) -> None:
    api.get("/api/v1/members")  # notes the key's last use
    for count in (1, 3):
        with tenant_context(acme.pk):
            for n in range(count):
                member, _ = upsert_member(external_id=f"c-{n}", traits=ADA)
                add_tag(member=member, name=f"tag {n}")
        with django_assert_num_queries(5):  # key, members, tags held, tag names, identities
            assert len(api.get("/api/v1/members").json()["data"]) == count
        with django_assert_num_queries(5):
            api.get("/api/v1/members/c-0")
        with django_assert_num_queries(3):  # key, member, consents
            api.get("/api/v1/members/c-0/consents")
        with django_assert_num_queries(5):  # key, member, aliases, event names, events
            api.get("/api/v1/members/c-0/timeline")
