"""The door for pages: a key in the body, wrong clocks, wrong items, and urm.js itself."""

import gzip
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from members.api.collect import SNIPPET
from members.models import Event, InboxEntry, Member
from tests.rest.client import ApiClient, make_key
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

SHOP = "https://shop.example.com"
VIEW = {"event_id": "e-1", "anonymous_id": "v-1", "name": "page_view", "properties": {"path": "/"}}


@pytest.fixture
def page(acme: Tenant) -> tuple[ApiClient, str]:
    """A browser that cannot send headers, and the publishable key that it puts into the body."""
    return ApiClient(None), make_key(acme, kind="pk", allowed_origins=[SHOP])


def collect(page: tuple[ApiClient, str], batch: Any, origin: str = SHOP, **more: Any) -> Any:
    client, key = page
    body = {"key": key, "batch": batch, **more}
    return client.post("/api/v1/collect", body, origin=origin, content_type="text/plain;charset=UTF-8")


@pytest.mark.django_db
def test_beacon_is_taken_once_and_untrusted(page: tuple[ApiClient, str], acme: Tenant) -> None:
    for _turn in range(2):
        answer = collect(page, [VIEW | {"amount": 5}])
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "refused": []})
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    drain(acme.pk, names=["stream"])
    with tenant_context(acme.pk):
        [event] = Event.objects.all()
    assert (event.amount, event.trusted, event.properties) == (None, False, {"amount": "5", "path": "/"})


@pytest.mark.django_db
def test_wrong_items_are_named_and_the_others_kept(page: tuple[ApiClient, str], acme: Tenant) -> None:
    deep: Any = 1
    for _level in range(30):
        deep = [deep]
    batch = [
        7,
        VIEW,
        {"name": "page_view"},
        VIEW | {"properties": {"x": "a\0"}},
        VIEW | {"properties": {"x": deep}},
        {"identify": {"traits": {}}},
        {"identify": 3},
        {"identify": {}, "name": "x"},
    ]
    answer = collect(page, batch)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [(one["at"], one["field"]) for one in answer.json()["refused"]] == [
        (0, ""),
        (2, "external_id"),
        (3, "batch[3].properties.x"),
        (4, "batch[4]"),
        (5, "external_id"),
        (6, "identify"),
        (7, "name"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [timedelta(days=-3), timedelta(days=3), timedelta(days=-20_000)])
def test_wrong_clock_is_put_right(page: tuple[ApiClient, str], acme: Tenant, wrong: timedelta) -> None:
    theirs = timezone.now() + wrong
    happened = max(theirs - timedelta(hours=1), timezone.now() - timedelta(days=20_000, hours=1))
    answer = collect(page, [VIEW | {"occurred_at": happened.isoformat()}], sent_at=theirs.isoformat())
    assert answer.json() == {"accepted": 1, "refused": []}
    drain(acme.pk, names=["stream"])
    with tenant_context(acme.pk):
        age = timezone.now() - Event.objects.get().occurred_at
    assert round(age / timedelta(hours=1), 1) == 1.0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"batch": 3}, 400, "batch"),
        ({"batch": [{}] * 101}, 400, "batch"),
        ({"sent_at": "9999-12-31T23:59:59Z"}, 400, "sent_at"),
        ({"sent_at": 5}, 400, "sent_at"),
        ({"colour": 1}, 400, "colour"),
        ({"key": "sk_" + "a" * 40}, 401, None),
        ({"key": 5}, 401, None),
        ({"key": None}, 401, None),
    ],
)
def test_wrong_body_is_refused(page: tuple[ApiClient, str], change: Any, status: int, field: str | None) -> None:
    client, key = page
    body = {"key": key, "batch": [VIEW], **change}
    answer = client.post("/api/v1/collect", body, origin=SHOP, content_type="text/plain")
    assert (answer.status_code, next(iter(answer.json()["error"]["fields"]), None)) == (status, field)


@pytest.mark.django_db
def test_key_in_the_body_is_bound_to_its_origins(page: tuple[ApiClient, str], acme: Tenant) -> None:
    assert collect(page, [VIEW], origin="https://other.example").status_code == 403
    secret = make_key(acme, scopes=["events.write"])
    assert collect((page[0], secret), [VIEW]).status_code == 401
    with tenant_context(acme.pk):
        assert InboxEntry.objects.count() == 0


@pytest.mark.django_db
def test_identify_is_taken_once(page: tuple[ApiClient, str], acme: Tenant) -> None:
    told = {"event_id": "i-1", "identify": {"external_id": "c-1", "anonymous_id": "v-1", "traits": {"city": "Rome"}}}
    collect(page, [VIEW, told])
    drain(acme.pk, names=["stream"])
    with tenant_context(acme.pk):
        member = Member.objects.get(external_id="c-1")
        assert Event.objects.filter(member_id=member.pk, properties__path="/").count() == 1
    collect(page, [told])
    drain(acme.pk, names=["stream"])
    with tenant_context(acme.pk):
        assert Event.objects.filter(member_id=member.pk).count() == 2  # the view, and urm.member.created


def test_snippet_is_smaller_than_4_kilobytes() -> None:
    assert len(gzip.compress(SNIPPET.read_bytes(), 9)) < 4000


def test_snippet_is_served_to_any_site_with_a_long_cache() -> None:
    answer = Client().get("/js/v1/urm.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=86400, stale-while-revalidate=604800"
    assert gzip.decompress(answer.content) == SNIPPET.read_bytes()
    again = Client().get("/js/v1/urm.js", headers={"if-none-match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
