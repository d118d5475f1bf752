"""Merging, un-merging, deleting and correcting over the API."""

from typing import Any

import pytest

from members.models import Member, MemberMerge
from tests.rest.client import ApiClient
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db
ODD = "shop/7 é&?=#%25"


def put(api: ApiClient, external_id: str, **traits: Any) -> None:
    assert api.put(f"/api/v1/members/{external_id}", traits).status_code == 201


def send(api: ApiClient, tenant: Tenant, **event: Any) -> None:
    assert api.post("/api/v1/events", {"name": "purchase", "amount": 5, **event}).status_code == 202
    with tenant_context(tenant.pk):
        drain(tenant.pk, names=["stream"])


def amounts(api: ApiClient, external_id: str) -> list[str]:
    rows = api.get(f"/api/v1/members/{external_id}/timeline?name=purchase").json()["data"]
    return [row["amount"] for row in rows]


def test_dry_run_says_what_the_merge_then_does(api: ApiClient, acme: Tenant) -> None:
    put(api, "c-1", email="ada@example.com", city="Boston")
    put(api, "c-2", email="bob@example.com", phone="+12025550123", identities={"card_number": "7 7"})
    send(api, acme, external_id="c-2")
    told = api.post("/api/v1/members/c-1/merge", {"other": "c-2", "dry_run": True})
    assert told.status_code == 200
    expected = {
        "survivor": "c-1",
        "other": "c-2",
        "differences": [
            {
                "field": "email",
                "survivor": "ada@example.com",
                "other": "bob@example.com",
                "taken": "survivor",
                "conflict": True,
            },
            {"field": "phone", "survivor": None, "other": "+12025550123", "taken": "other", "conflict": False},
        ],
        "identities": {
            "card_number": ["77"],
            "email": ["bob@example.com"],
            "external_id": ["c-2"],
            "phone": ["+12025550123"],
        },
        "tags": [],
        "consents": [],
        "events": 1,
    }
    assert told.json() == {"merge_id": None, **expected}
    done = api.post("/api/v1/members/c-1/merge", {"other": "c-2"}).json()
    assert done == {"merge_id": done["merge_id"], **expected}
    member = api.get("/api/v1/members/c-2").json()
    assert (member["external_id"], member["email"], member["phone"]) == ("c-1", "ada@example.com", "+12025550123")
    assert member["identities"]["external_id"] == ["c-1", "c-2"]
    assert amounts(api, "c-1") == ["5.0000"]
    [record] = api.get("/api/v1/members/c-1/merges").json()["data"]
    assert (record["merge_id"], record["other"], record["unmerged_at"]) == (done["merge_id"], "c-2", None)


def test_unmerge_gives_both_back(api: ApiClient, acme: Tenant) -> None:
    put(api, "c-1")
    put(api, "c-2", city="Paris")
    merge_id = api.post("/api/v1/members/c-1/merge", {"other": "c-2"}).json()["merge_id"]
    answer = api.post("/api/v1/members/c-1/unmerge", {"merge_id": merge_id})
    assert answer.status_code == 200
    assert answer.json()["unmerged_at"] is not None
    assert [api.get(f"/api/v1/members/{one}").json()["city"] for one in ("c-1", "c-2")] == [None, "Paris"]
    again = api.post("/api/v1/members/c-1/unmerge", {"merge_id": merge_id})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "cannot_merge")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"other": "nobody"}, "other"),
        ({"other": "c-1"}, "other"),
        ({"other": "c-2", "choices": {"shoe": "other"}}, "choices.shoe"),
        ({"other": "c-2", "choices": {"email": "both"}}, "choices.email"),
        ({}, "other"),
    ],
)
def test_wrong_merge_is_refused_with_its_field(api: ApiClient, acme: Tenant, body: dict[str, Any], field: str) -> None:
    put(api, "c-1")
    put(api, "c-2")
    answer = api.post("/api/v1/members/c-1/merge", body)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]
    with tenant_context(acme.pk):
        assert not MemberMerge.objects.exists()


def test_member_is_looked_up_by_any_identity(api: ApiClient, acme: Tenant) -> None:
    put(api, "c-1", identities={"wechat_openid": ["o:1", "o-2"]}, phone="+1 202 555 0123")
    put(api, "c-2")
    for wanted in ("wechat_openid:o:1", "wechat_openid:o-2", "phone:%2B12025550123", "external_id:c-1"):
        found = api.get(f"/api/v1/members?identity={wanted}").json()["data"]
        assert [row["external_id"] for row in found] == ["c-1"]
    for wrong in ("fax:1", "email:nobody", "c-1"):
        assert list(api.get(f"/api/v1/members?identity={wrong}").json()["error"]["fields"]) == ["identity"]


def test_external_id_with_slashes_is_addressable(api: ApiClient, acme: Tenant) -> None:
    address = "/api/v1/members/shop%2F7%20%C3%A9%26%3F%3D%23%2525"
    assert api.put(address, {"city": "Paris"}).status_code == 201
    assert api.get(address).json()["external_id"] == ODD
    assert api.get("/api/v1/members/shop/7 %C3%A9&%3F=%23%2525").json()["external_id"] == ODD
    assert api.get(f"{address}/timeline").status_code == 200
    assert api.get(f"{address}/consents").json()["data"] == []
    assert api.get("/api/v1/loyalty/shop%2F7%20%C3%A9%26%3F%3D%23%2525").status_code == 200


def test_event_is_deleted_and_corrected_by_its_id(api: ApiClient, acme: Tenant) -> None:
    send(api, acme, external_id="c-1", event_id="order/1", amount=10)
    send(api, acme, external_id="c-1", event_id="order-2", amount=20)
    assert api.delete("/api/v1/events/order%2F1").status_code == 204
    assert api.delete("/api/v1/events/order%2F1").status_code == 404
    changed = api.put("/api/v1/events/order-2", {"name": "purchase", "external_id": "c-1", "amount": 7})
    assert changed.status_code == 202
    with tenant_context(acme.pk):
        drain(acme.pk, names=["stream"])
    assert amounts(api, "c-1") == ["7.0000"]


def test_event_without_an_id_is_deleted_by_its_number(api: ApiClient, outsider: ApiClient, acme: Tenant) -> None:
    api.post("/api/v1/events", [{"external_id": "c-1", "name": "purchase", "amount": n} for n in (1, 2)])
    drain(acme.pk)
    rows = api.get("/api/v1/members/c-1/timeline").json()["data"]
    newest = next(row for row in rows if row["name"] == "purchase")
    path = f"/api/v1/events/{newest['id']}?by=number"
    assert api.delete(f"/api/v1/events/{newest['id']}").status_code == 404
    assert outsider.delete(path).status_code == 404
    assert [api.delete(path).status_code for _ in range(2)] == [204, 404]
    left = [row["amount"] for row in api.get("/api/v1/members/c-1/timeline?name=purchase").json()["data"]]
    assert left == [str(amount) for amount in ["1.0000", "2.0000"] if amount != newest["amount"]]
    assert api.post("/api/v1/members/c-1/tags/vip").status_code == 201
    drain(acme.pk)
    [noted] = api.get("/api/v1/members/c-1/timeline?name=urm.tag.added").json()["data"]
    assert api.delete(f"/api/v1/events/{noted['id']}?by=number").status_code == 404
    assert api.delete("/api/v1/events/many?by=number").status_code == 404
    assert api.delete("/api/v1/events/1?by=name").status_code == 400


def test_wrong_correction_changes_nothing(api: ApiClient, acme: Tenant) -> None:
    send(api, acme, external_id="c-1", event_id="o-1")
    for body, field in (
        ({"name": "purchase"}, "external_id"),
        ({"name": "purchase", "external_id": "c-1", "event_id": "o-2"}, "event_id"),
        ({"name": "purchase", "external_id": "c-1", "amount": "x"}, "amount"),
    ):
        answer = api.put("/api/v1/events/o-1", body)
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])
    assert amounts(api, "c-1") == ["5.0000"]


def test_event_not_absorbed_yet_is_to_be_tried_again(api: ApiClient, acme: Tenant) -> None:
    api.post("/api/v1/events", {"name": "purchase", "external_id": "c-1", "event_id": "o-1"})
    answer = api.delete("/api/v1/events/o-1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_absorbed_yet")


def test_merged_members_leave_lists(api: ApiClient, acme: Tenant) -> None:
    put(api, "c-1")
    put(api, "c-2")
    api.post("/api/v1/members/c-1/merge", {"other": "c-2"})
    assert [row["external_id"] for row in api.get("/api/v1/members").json()["data"]] == ["c-1"]
    with tenant_context(acme.pk):
        assert Member.objects.filter(merged_into__isnull=True).count() == 1
