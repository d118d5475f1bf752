"""The door for events over HTTP: what is taken, what is refused, what waiting answers."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from members.models import Event, InboxEntry
from tests.rest.client import ApiClient, make_key
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, Wakeup
from urm.tenancy.work import drain

PURCHASE = {"external_id": "c-1", "name": "purchase", "amount": 12.9, "occurred_at": "2026-03-01T09:30:00Z"}


def fields_of(response: Any) -> list[str]:
    return list(response.json()["error"]["fields"])


@pytest.mark.django_db
def test_event_is_kept_and_work_is_woken(api: ApiClient, acme: Tenant, django_capture_on_commit_callbacks: Any) -> None:
    with tenant_context(acme.pk), django_capture_on_commit_callbacks(execute=True):
        response = api.post("/api/v1/events", PURCHASE)
    assert (response.status_code, response.json()) == (202, {"accepted": 1, "status": "accepted"})
    assert list(Wakeup.objects.values_list("tenant_id", "work")) == [(acme.pk, "stream")]
    drain(acme.pk, names=["stream"])
    [entry] = api.get("/api/v1/members/c-1/timeline?name=purchase").json()["data"]
    del entry["id"]
    assert entry == {
        "name": "purchase",
        "kind": "behaviour",
        "occurred_at": "2026-03-01T09:30:00Z",
        "amount": "12.9000",
        "properties": {},
        "trusted": True,
        "cause": None,
    }


@pytest.mark.django_db
def test_batch_of_a_thousand_is_one_inbox_row(api: ApiClient, acme: Tenant) -> None:
    response = api.post("/api/v1/events", [PURCHASE | {"external_id": f"c-{n}"} for n in range(1000)])
    assert (response.status_code, response.json()["accepted"]) == (202, 1000)
    with tenant_context(acme.pk):
        assert list(InboxEntry.objects.values_list("items", flat=True)) == [1000]


@pytest.mark.django_db
def test_same_event_id_is_taken_once(api: ApiClient, acme: Tenant) -> None:
    for amount in (1, 2):
        assert api.post("/api/v1/events", PURCHASE | {"event_id": "o-1", "amount": amount}).status_code == 202
    drain(acme.pk, names=["stream"])
    with tenant_context(acme.pk):
        assert [int(event.amount or 0) for event in Event.objects.exclude(amount=None)] == [1]


@pytest.mark.django_db
def test_one_wrong_event_refuses_the_batch_and_is_named(api: ApiClient, acme: Tenant) -> None:
    ahead = (timezone.now() + timedelta(minutes=6)).isoformat()
    batch = [PURCHASE, {"name": "purchase"}, PURCHASE | {"name": "urm.fake"}, PURCHASE | {"occurred_at": ahead}, 7]
    response = api.post("/api/v1/events", batch)
    assert response.status_code == 400
    assert fields_of(response) == ["[1].external_id", "[2].name", "[3].occurred_at", "[4]"]
    with tenant_context(acme.pk):
        assert InboxEntry.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        (b"", 400, ["name"]),
        (b"{", 400, []),
        (b"[]", 400, [""]),
        (b"null", 400, [""]),
        (b'"purchase"', 400, [""]),
        (b'{"name": "a", "external_id": "b", "properties": {"x": NaN}}', 400, []),
        (b'{"name": "a", "external_id": "b", "properties": {"x": 1e999}}', 400, []),
        (b'{"name": "a", "external_id": "b", "properties": {"x": "\\ud800"}}', 400, []),
        (b'{"name": "a", "external_id": "b", "properties": {"x": "\\u0000"}}', 400, ["properties.x"]),
        (b'{"name": "a", "external_id": "b", "properties": {"\\u0000": 1}}', 400, ["properties"]),
        (b'{"name": "a", "external_id": "b\\u0000"}', 400, ["external_id"]),
        (b"[" * 100_000, 400, []),
        (b'{"name": "a", "properties": ' + b'{"x": ' * 21 + b"1" + b"}" * 22, 400, [""]),
        (b'{"name": "a", "properties": {%s}}' % b",".join(b'"k%d": 1' % n for n in range(201)), 400, [""]),
        (b'{"name": "a", "properties": {"x": [%s1]}}' % (b"1," * 1000), 400, [""]),
        (b"[%s1]" % (b"1," * 1000), 413, []),
        (b'{"name": "a", "properties": {"x": "%s"}}' % (b"x" * 256 * 1024), 413, []),
        (b'[{"name": "a"}, {"name": "a", "properties": {"x": "%s"}}]' % (b"x" * 256 * 1024), 413, ["[1]"]),
        (b'[{"x": "%s"}]' % (b"x" * 10 * 1024 * 1024), 413, []),
        (b'{"name": "\xff"}', 400, []),
        (b'{"name": "a", "external_id": "b", "amount": 123456789012345678901234567890}', 400, ["amount"]),
        (b'{"name": "a", "external_id": "b", "amount": true}', 400, ["amount"]),
        (b'{"name": "a", "external_id": "b", "occurred_at": 99999999999999999999}', 400, ["occurred_at"]),
        (b'{"name": "a", "external_id": "b", "occurred_at": "0001-01-01T00:00:00+14:00"}', 400, ["occurred_at"]),
        (b'{"name": "a", "external_id": "b", "occurred_at": "9999-12-31T23:59:59-14:00"}', 400, ["occurred_at"]),
    ],
)
def test_hostile_body_is_refused(api: ApiClient, body: bytes, status: int, fields: list[str]) -> None:
    response = api.post("/api/v1/events", body)
    assert (response.status_code, fields_of(response)) == (status, fields)


@pytest.mark.django_db
def test_repeated_keys_are_harmless(api: ApiClient, acme: Tenant) -> None:
    body = b'{"name": "a", "external_id": "b", "name": "c", "properties": {"x": 1, "x": {"y": 2}}}'
    assert api.post("/api/v1/events", body).status_code == 202
    drain(acme.pk, names=["stream"])
    assert [row["properties"] for row in api.get("/api/v1/members/b/timeline?name=c").json()["data"]] == [
        {"x": {"y": 2}}
    ]


@pytest.mark.django_db
def test_publishable_key_mints_nothing(publishable: ApiClient, api: ApiClient, acme: Tenant) -> None:
    sent = publishable.post("/api/v1/events", PURCHASE, origin="https://shop.example.com")
    assert sent.status_code == 202
    assert sent.headers["Access-Control-Allow-Origin"] == "https://shop.example.com"
    drain(acme.pk, names=["stream"])
    [entry] = api.get("/api/v1/members/c-1/timeline?name=purchase").json()["data"]
    assert (entry["amount"], entry["trusted"], entry["properties"]) == (None, False, {"amount": "12.9"})


@pytest.mark.django_db
def test_identify_links_the_visitor_to_the_member(publishable: ApiClient, api: ApiClient, acme: Tenant) -> None:
    origin = "https://shop.example.com"
    publishable.post("/api/v1/events", {"anonymous_id": "v-1", "name": "view"}, origin=origin)
    body = {"external_id": "c-9", "anonymous_id": "v-1", "traits": {"first_name": "Ada"}}
    assert publishable.post("/api/v1/identify", body, origin=origin).status_code == 202
    drain(acme.pk, names=["stream"])
    names = [row["name"] for row in api.get("/api/v1/members/c-9/timeline").json()["data"]]
    assert "view" in names
    assert fields_of(api.post("/api/v1/identify", {"anonymous_id": "v-1"})) == ["external_id"]
    assert fields_of(api.post("/api/v1/identify", [])) == [""]


@pytest.mark.usefixtures("committed_db")
def test_waiting_answers_200_when_absorbed_and_202_when_not() -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    api = ApiClient(make_key(tenant, scopes=["events.write"]))
    late = api.post("/api/v1/events", PURCHASE, prefer="respond-async, wait=0")
    assert (late.status_code, late.headers["Preference-Applied"]) == (202, "wait")

    def work() -> None:
        drain(tenant.pk)
        connection.close()

    worker = threading.Timer(0.3, work)
    worker.start()
    started = timezone.now()
    response = api.post("/api/v1/events", PURCHASE, prefer="wait")
    worker.join()
    assert (response.status_code, response.json()) == (200, {"accepted": 1, "status": "absorbed"})
    assert timezone.now() - started < timedelta(seconds=5)
