"""“Confirm it is you”: what asks for the password once more, what does not, and that nothing happens before it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from members.models import Member
from segments.models import AudienceSync, Stage
from tests.conftest import PASSWORD, confirm
from tests.ui.addresses import admin_addresses
from tests.ui.conftest import sign_in
from tests.ui.test_pages import first_row
from urm.audit.models import AuditEntry
from urm.jobs.files import CSV, fill, link_to, new_file
from urm.jobs.models import Job
from urm.tenancy.context import tenant_context
from urm.tenancy.models import ApiKey, Tenant, User

pytestmark = pytest.mark.django_db

OWNER = "owner@example.com"
ADMIN = "/w/acme/admin/"
Workspaces = tuple[Tenant, Tenant]


@pytest.fixture
def late(client: Client, showcase: Workspaces) -> Client:
    """The owner, who logged in sixteen minutes ago."""
    sign_in(client, OWNER)
    confirm(client, minutes_ago=16)
    return client


def asked(answer: Any) -> str:
    """Where the person is led after the password; "" when nobody asks for it."""
    where = urlsplit(answer.headers.get("Location", ""))
    return parse_qs(where.query)["next"][0] if where.path == f"{ADMIN}confirm/" else ""


def figures() -> dict[str, int]:
    return {
        "keys": ApiKey.objects.count(),
        "revoked": ApiKey.objects.exclude(revoked_at=None).count(),
        "jobs": Job.objects.count(),
        "asked to be erased": Member.objects.exclude(erasure_requested_at=None).count(),
        "audit": AuditEntry.objects.count(),
    }


def guarded(tenant: Tenant) -> list[tuple[str, str, dict[str, Any], str]]:
    """(method, address, what is posted, where the person is led afterwards)."""
    with tenant_context(tenant.pk):
        member = Member.objects.filter(erased_at=None, merged_into=None).order_by("pk").first()
        sync = AudienceSync.objects.order_by("pk").first()
        job = Job.objects.order_by("pk").first()
        stage = Stage.objects.order_by("position").first()
        assert member is not None
        assert sync is not None
        assert job is not None
        assert stage is not None
        key = ApiKey.objects.create(tenant=tenant, name="shop", kind="sk", prefix="sk_x", hash=b"x" * 32)
    person, keys = f"{ADMIN}members/member/{member.pk}/", f"{ADMIN}tenancy/apikey/"
    syncs, watch = f"{ADMIN}segments/audiencesync/", f"{ADMIN}lifecycle/warning/"
    with tenant_context(tenant.pk):
        watch = reverse("admin:churn_warning").replace("/admin/", ADMIN, 1)
    return [
        ("get", f"{keys}add/", {}, f"{keys}add/"),
        ("post", f"{keys}add/", {"name": "n", "kind": "sk", "scopes": ["members.view"]}, f"{keys}add/"),
        ("post", f"{keys}{key.pk}/revoke/", {}, f"{keys}{key.pk}/change/"),
        ("get", f"{ADMIN}export/?what=members&q=ada", {}, f"{ADMIN}export/?what=members&q=ada"),
        ("post", f"{ADMIN}export/?what=members&q=ada", {"format": "csv"}, f"{ADMIN}export/?what=members&q=ada"),
        ("post", f"{person}export/", {"format": "json"}, f"{person}change/"),
        ("post", f"{person}erase/", {}, f"{person}change/"),
        ("get", f"{syncs}add/", {}, f"{syncs}add/"),
        ("post", f"{syncs}{sync.pk}/secret/", {}, f"{syncs}{sync.pk}/change/"),
        ("post", watch, {"stage": stage.key, "days": "30", "export": "1"}, f"{watch}?stage={stage.key}&days=30"),
    ]


def test_keys_exports_and_erasure_ask_and_do_nothing_before(late: Client, showcase: Workspaces) -> None:
    acme, _globex = showcase
    ways = guarded(acme)
    with tenant_context(acme.pk):
        before = figures()
        for method, address, given, back in ways:
            answer = getattr(late, method)(address, given) if method == "post" else late.get(address)
            assert (answer.status_code, asked(answer)) == (302, back), address
        assert figures() == before


def test_password_leads_back_and_then_it_is_done(late: Client, showcase: Workspaces) -> None:
    acme, _globex = showcase
    for method, address, given, back in guarded(acme):
        confirm(late, minutes_ago=16)
        way = late.post(address, given) if method == "post" else late.get(address)
        page = late.get(way.headers["Location"])
        words = "Nothing was done yet. Confirm that it is you, then do it again."
        assert (words in page.content.decode()) == (method == "post")
        answer = late.post(way.headers["Location"], {"password": PASSWORD, "next": back})
        assert (answer.status_code, answer.headers["Location"]) == (302, back)
        assert late.get(back).status_code == 200, back
        again = late.post(address, given) if method == "post" else late.get(address)
        assert asked(again) == "", address
        assert again.status_code in {200, 302}, address


def test_fresh_password_is_not_asked_again_and_an_old_one_is(
    client: Client, showcase: Workspaces, settings: Any
) -> None:
    sign_in(client, OWNER)
    assert client.get(f"{ADMIN}tenancy/apikey/add/").status_code == 200
    confirm(client, minutes_ago=14.9)
    assert client.get(f"{ADMIN}tenancy/apikey/add/").status_code == 200
    settings.CONFIRMED_MINUTES = 5
    assert asked(client.get(f"{ADMIN}tenancy/apikey/add/")) == f"{ADMIN}tenancy/apikey/add/"
    confirm(client, minutes_ago=-60)  # a clock that was set back opens nothing
    assert asked(client.get(f"{ADMIN}tenancy/apikey/add/")) != ""


def test_download_asks_too_and_ends_on_a_page_with_the_file(late: Client, showcase: Workspaces) -> None:
    acme, _globex = showcase
    with tenant_context(acme.pk):
        from datetime import timedelta  # noqa: PLC0415

        file = new_file(name="m.csv", content_type=CSV, capability="members.export", keep=timedelta(days=1))
        fill(file, [b"id\r\n1\r\n"])
        link = urlsplit(link_to(file, User.objects.get(email=OWNER))).path
    way = late.get(link)
    assert asked(way) == link
    answer = late.post(way.headers["Location"], {"password": PASSWORD, "next": link})
    assert (answer.status_code, f'href="{link}"' in answer.content.decode()) == (200, True)
    got = late.get(link)
    assert b"".join(got.streaming_content) == b"id\r\n1\r\n"  # type: ignore[attr-defined]


def test_other_pages_do_not_ask(late: Client, showcase: Workspaces) -> None:
    acme, _globex = showcase
    asking = set()
    for address in admin_addresses():
        row = first_row(address.model, acme) if address.model else None
        if asked(late.get(address.path("acme", row))):
            asking.add(address.name)
    assert asking == {"tenancy_apikey_add", "export", "segments_audiencesync_add"}


def test_wrong_passwords_are_noted_and_throttled_like_the_log_in(late: Client, showcase: Workspaces) -> None:
    acme, _globex = showcase
    wrong = late.post(f"{ADMIN}confirm/", {"password": "guessed it", "next": ADMIN})
    assert "That is not the password of this account." in wrong.content.decode()
    assert asked(late.get(f"{ADMIN}tenancy/apikey/add/")) != ""
    for _turn in range(9):
        last = late.post(f"{ADMIN}confirm/", {"password": "guessed it", "next": ADMIN})
    assert last.status_code == 429
    assert late.post(f"{ADMIN}confirm/", {"password": PASSWORD, "next": ADMIN}).status_code == 429
    assert Client().post("/login/", {"username": OWNER, "password": PASSWORD}).status_code == 429
    with tenant_context(acme.pk):
        entries = AuditEntry.objects.filter(verb__startswith="staff.confirm").values_list("verb", "target_label")
        owner = User.objects.get(email=OWNER)
        assert set(entries) == {("staff.confirm_failed", f"#{owner.pk}")}


def test_confirming_is_noted_and_renews_the_session(late: Client, showcase: Workspaces) -> None:
    acme, _globex = showcase
    before = late.session.session_key
    late.post(f"{ADMIN}confirm/", {"password": PASSWORD, "next": ADMIN})
    assert late.session.session_key != before
    with tenant_context(acme.pk):
        assert AuditEntry.objects.filter(verb="staff.confirm").count() == 1


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_nobody_is_led_elsewhere(late: Client, showcase: Workspaces, then: str) -> None:
    answer = late.post(f"{ADMIN}confirm/", {"password": PASSWORD, "next": then})
    assert answer.headers["Location"] == ADMIN


def test_who_may_not_is_refused_without_being_asked(client: Client, showcase: Workspaces) -> None:
    sign_in(client, "viewer@acme.example.com")
    confirm(client, minutes_ago=16)
    assert client.get(f"{ADMIN}tenancy/apikey/add/").status_code == 403
    assert client.get(f"{ADMIN}export/").status_code == 403


def test_somebody_elses_password_does_not_confirm(late: Client, showcase: Workspaces) -> None:
    User.objects.get(email="admin@acme.example.com")
    other = User.objects.get(email="viewer@acme.example.com")
    other.set_password("quite another secret")
    other.save()
    late.post(f"{ADMIN}confirm/", {"password": "quite another secret", "username": other.email, "next": ADMIN})
    assert asked(late.get(f"{ADMIN}tenancy/apikey/add/")) != ""
