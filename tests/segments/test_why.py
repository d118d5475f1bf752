"""Why somebody is in or not: conditions with what decided them, and how it came about."""

import re
from datetime import datetime
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from members.models import Member
from members.queries import timeline
from segments.actions import create_segment, edit_segment
from segments.models import Segment
from segments.queries.why import members_in, steps_of
from tests.segments.conftest import Buy
from tests.showcase import build_showcase
from tests.ui.conftest import sign_in
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

TWICE: dict[str, Any] = {"fact": "event", "name": "purchase", "measure": "count", "op": "gte", "value": 2}


def test_entry_names_the_event_that_led_to_it_and_exit_the_changed_rule(shop: Tenant, buy: Buy) -> None:
    segment = create_segment(name="Twice", rule=TWICE)
    drain(shop.pk)
    member = buy("a", days_ago=2)
    drain(shop.pk)
    assert steps_of(segment, member) == []
    buy("a", days_ago=1, amount=25)
    drain(shop.pk)
    (entry,) = steps_of(segment, member)
    newest = timeline(member, names=["purchase"])[0]
    assert (entry.entered, entry.cause) == (True, "member")
    assert entry.event is not None
    assert (entry.event.id, entry.event.name, entry.event.amount) == (newest.id, "purchase", Decimal(25))
    assert members_in(segment, [member]) == {member.pk}
    edit_segment(segment=segment, rule={**TWICE, "value": 3})
    drain(shop.pk)
    assert [(step.entered, step.cause) for step in steps_of(segment, member)] == [(False, "rule"), (True, "member")]
    assert members_in(segment, [member]) == set()


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    build_showcase()
    sign_in(client, "viewer@acme.example.com")
    return client


def rows() -> tuple[Segment, Member, Member]:
    """The lapsing big spenders, one of them and somebody who is none."""
    with tenant_context(Tenant.objects.get(slug="acme").pk):
        segment = Segment.objects.get(name="Lapsing big spenders")
        people = list(Member.objects.order_by("pk"))
        inside = members_in(segment, people)
        return (
            segment,
            next(one for one in people if one.pk in inside),
            next(one for one in people if one.pk not in inside and one.external_id and one.pk),
        )


def test_page_shows_every_condition_and_leads_to_the_event_in_the_timeline(staff: Client) -> None:
    segment, member, outsider = rows()
    address = f"/w/acme/admin/segments/segment/{segment.pk}/why/"
    page = staff.get(address, {"member": member.pk}).content.decode()
    assert f"{member} is in “Lapsing big spenders”" in page
    assert len(re.findall("<strong>met</strong>", page)) == 2  # the third is turned round by “not”
    link = re.search(r'href="([^"]+/change/\?before=[^"]+)#timeline">Purchase</a>', page)
    assert link is not None
    with tenant_context(Tenant.objects.get(slug="acme").pk):
        newest = timeline(member, names=["purchase"], limit=1)[0]
        before, _tilde, number = parse_qs(urlsplit(unescape(link[1])).query)["before"][0].partition("~")
        assert timeline(member, before=(datetime.fromisoformat(before), int(number)))[0].id == newest.id
    page = staff.get(address, {"member": outsider.pk}).content.decode()
    assert f"{outsider} is not in “Lapsing big spenders”" in page
    assert "<strong>not met</strong>" in page


def test_member_is_found_in_the_segment_or_not(staff: Client) -> None:
    segment, member, outsider = rows()
    address = f"/w/acme/admin/segments/segment/{segment.pk}/why/"
    for one, words in ((member, "in the segment"), (outsider, "not in the segment")):
        page = staff.get(address, {"q": str(one.external_id)}).content.decode()
        assert re.findall(r'href="\?member=(\d+)"', page) == [str(one.pk)]
        assert f'<span class="ui-muted">{words}</span>' in page
    assert "Nobody of that name" in staff.get(address, {"q": "no such person"}).content.decode()
    assert staff.get(address, {"q": "a\0b", "member": "x"}).status_code == 200
    assert staff.get(address, {"member": "987654321"}).status_code == 404
