"""Sources in the admin: their link, their QR code, the members who came by them."""

from collections.abc import Callable

import pytest
from django.test import Client

from members.admin.sources import link_of
from members.models import AcquisitionSource, Member
from tests.members.test_acquisition import visit
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client, staff: Callable[..., User], acme: Tenant) -> Client:
    client.force_login(staff(acme, "marketer"), "urm.tenancy.authentication.RoleBackend")
    return client


@pytest.mark.parametrize(
    ("landing", "link"),
    [
        ("https://shop.example/", "https://shop.example/?src=qr-1"),
        ("https://shop.example/a?b=1&src=old#c", "https://shop.example/a?b=1&src=qr-1#c"),
        ("", ""),
    ],
)
def test_link_carries_the_code(in_acme: Tenant, landing: str, link: str) -> None:
    assert link_of(AcquisitionSource(code="qr-1", landing_url=landing)) == link


def test_qr_code_is_a_picture_without_style(marketer: Client, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        made = AcquisitionSource.objects.create(code="qr-1", name="Poster", landing_url="https://shop.example/")
        bare = AcquisitionSource.objects.create(code="qr-2", name="Poster")
    answer = marketer.get(f"/w/acme/admin/members/acquisitionsource/{made.pk}/qr.svg")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert answer.content.startswith(b"<svg ")
    assert b"style" not in answer.content
    assert marketer.get(f"/w/acme/admin/members/acquisitionsource/{bare.pk}/qr.svg").status_code == 404


def test_code_is_kept_in_small_letters_and_without_blanks(marketer: Client, acme: Tenant) -> None:
    address = "/w/acme/admin/members/acquisitionsource/add/"
    refused = marketer.post(address, {"code": "two words", "name": "x", "kind": "qr", "landing_url": ""})
    assert "Must not hold blanks" in refused.content.decode()
    marketer.post(address, {"code": " QR-9 ", "name": "x", "kind": "qr", "landing_url": ""})
    with tenant_context(acme.pk):
        assert list(AcquisitionSource.objects.values_list("code", flat=True)) == ["qr-9"]


def test_members_are_listed_by_source_and_day(marketer: Client, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        visit(acme, "c-1", src="qr-1")
        visit(acme, "c-2", hours_ago=48, src="qr-1")
        visit(acme, "c-3")
        Member.objects.filter(external_id="c-3").update(first_name="Nobody knows whence")

    def listed(query: str) -> list[str]:
        page = marketer.get(f"/w/acme/admin/members/member/?{query}").content.decode()
        return [who for who in ("c-1", "c-2", "Nobody knows whence") if f">{who}<" in page]

    assert listed("source=qr-1") == ["c-1", "c-2"]
    assert listed("source=qr-1&recruited=2026-03-02~2026-03-03") == ["c-1"]
    assert listed("source=-") == ["Nobody knows whence"]
