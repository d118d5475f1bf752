"""Recruitment per source: counted by hand, shown, linked to the very members, exported."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.queries.recruitment import recruitment
from members.models import AcquisitionSource, Member
from tests.analytics.sending import NOW, purchase, roll, send, visit
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def recruits(acme: Tenant) -> Tenant:
    """Two by a poster in June (one bought twice), one by it in July, one of unknown source, one gone."""
    with tenant_context(acme.pk):
        AcquisitionSource.objects.create(code="poster", name="=Poster", kind="qr")
        for who, day in (("m-a", "2025-06-10"), ("m-b", "2025-06-11"), ("m-c", "2025-07-01"), ("m-d", "2025-07-02")):
            send([visit(who, f"{day}T12:00:00+00:00")])
        send([visit("gone", "2025-06-12T12:00:00+00:00"), purchase("m-a", "2025-06-20"), purchase("m-a", "2025-07-01")])
        Member.objects.filter(external_id__in=["m-a", "m-b", "m-c"]).update(source="poster")
        gone = Member.objects.get(external_id="gone")
        Member.objects.filter(pk=gone.pk).update(source="poster", merged_into=Member.objects.get(external_id="m-a"))
        roll()
    return acme


def test_recruits_are_counted_by_source_and_period(recruits: Tenant) -> None:
    with tenant_context(recruits.pk):
        report = recruitment("month", date(2025, 6, 1), date(2025, 8, 1))
        spent = Decimal(sum(event for event in _amounts()))
    assert [(one.code, one.recruited, one.converted, one.orders, one.revenue) for one in report.sources] == [
        ("poster", 3, 1, 2, spent),
        ("", 1, 0, 0, Decimal(0)),
    ]
    assert report.per_period == {"poster": [2, 1], "": [0, 1]}
    assert report.sources[0].conversion == pytest.approx(1 / 3)


def _amounts() -> list[Decimal]:
    with connection.cursor() as db:
        db.execute("SELECT amount FROM members_event WHERE amount IS NOT NULL")
        return [amount for (amount,) in db.fetchall()]


@time_machine.travel(NOW, tick=False)
def test_page_shows_the_report_and_leads_to_the_members(
    client: Client, staff: Callable[..., User], recruits: Tenant
) -> None:
    client.force_login(staff(recruits, "owner"), "urm.tenancy.authentication.RoleBackend")
    client.get("/w/acme/admin/recruitment/")
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/w/acme/admin/recruitment/").content.decode()
    assert len([one for one in queries if "membersummary" in one["sql"] or "acquisitionsource" in one["sql"]]) == 2
    link = "/w/acme/admin/members/member/?source=poster&amp;recruited=2024-07-01~2025-08-01"
    assert link.replace("~", "%7E") in page or link in page
    assert "=Poster" in page
    assert "Time zone: America/New_York." in page
    members = client.get("/w/acme/admin/members/member/?source=poster&recruited=2024-07-01~2025-08-01")
    shown = [who for who in ("m-a", "m-b", "m-c", "m-d") if f">{who}<" in members.content.decode()]
    assert shown == ["m-a", "m-b", "m-c"]
    answer = client.get("/w/acme/admin/recruitment/export/").content.decode()
    assert answer.splitlines()[1].startswith("poster,'=Poster,QR code,3,1,0.33")
