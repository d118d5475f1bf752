"""The timeline: causes, kinds, periods, staff's actions, and pages at any depth with the same few queries."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from members.actions import accept_events, canonical_event, upsert_member
from members.models import Member
from members.queries.timelines import kind_of, staff_actions, timeline
from segments.actions import create_segment
from tests.rest.client import ApiClient, make_key
from urm.audit.actor import Actor, acting_as
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User
from urm.tenancy.roles import SCOPES
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Staff = Callable[..., User]


def happen(tenant: Tenant, *events: dict[str, Any]) -> Member:
    accept_events(
        [canonical_event({"external_id": "c-1", "name": "visit", **one}, trusted=True, now=NOW) for one in events]
    )
    drain(tenant.pk, names=["stream"])
    return Member.objects.get(external_id="c-1")


@pytest.fixture
def busy(acme: Tenant) -> Tenant:
    """2,000 visits, one a minute."""
    with tenant_context(acme.pk):
        happen(acme, *({"occurred_at": (NOW - timedelta(minutes=n)).isoformat()} for n in range(1000)))
        happen(acme, *({"occurred_at": (NOW - timedelta(minutes=n)).isoformat()} for n in range(1000, 2000)))
    return acme


def test_segment_entry_names_the_purchase_that_caused_it(in_acme: Tenant) -> None:
    rule: dict[str, Any] = {"fact": "event", "name": "purchase", "measure": "count", "op": "gte", "value": 1}
    happen(in_acme, {"name": "purchase"}, {"name": "visit"})
    rule["value"] = 2
    create_segment(name="Buyers", rule=rule)
    drain(in_acme.pk)
    member = happen(in_acme, {"name": "purchase", "amount": 12})
    drain(in_acme.pk)
    [entered] = timeline(member, kinds=["segment"])
    assert entered.cause is not None
    assert (entered.name, entered.cause.name, str(entered.cause.amount)) == (
        "urm.segment.entered",
        "purchase",
        "12.0000",
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [("purchase", "behaviour"), ("urm.tag.added", "tag"), ("urm.segment.entered", "segment"), ("a.b.c", "behaviour")],
)
def test_kind_is_told_by_the_name(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_kinds_and_periods_are_kept_apart(in_acme: Tenant) -> None:
    upsert_member(external_id="c-1", traits={"source": "store"})
    member = happen(in_acme, {}, {"occurred_at": (NOW - timedelta(days=3)).isoformat()})
    assert [one.name for one in timeline(member, kinds=["behaviour"])] == ["visit", "visit"]
    assert [one.name for one in timeline(member, kinds=["member"])] == ["urm.member.created"]
    old = timeline(member, start=NOW - timedelta(days=3), end=NOW)
    assert [(one.name, one.occurred_at) for one in old] == [("visit", NOW - timedelta(days=3))]


def test_what_a_merged_member_did_is_read_with_the_survivor(in_acme: Tenant) -> None:
    member = happen(in_acme, {}, {"external_id": "c-2", "name": "purchase"})
    Member.objects.filter(external_id="c-2").update(merged_into=member)
    assert sorted(one.name for one in timeline(member)) == ["purchase", "visit"]


def test_pages_of_the_api_meet_without_gap_at_every_depth(busy: Tenant) -> None:
    api = ApiClient(make_key(busy, scopes=list(SCOPES)))
    address: str | None = "/api/v1/members/c-1/timeline?limit=190&kind=behaviour&before=2026-03-02T12:00:00Z"
    seen, counts = [], []
    while address:
        with CaptureQueriesContext(connection) as queries:
            page = api.get(address.replace("http://localhost:8000", "")).json()
        counts.append(len([one for one in queries if "SET LOCAL" not in one["sql"]]))
        seen += [row["occurred_at"] for row in page["data"]]
        address = page["next"]
    assert len(seen) == len(set(seen)) == 1999
    assert seen == sorted(seen, reverse=True)
    assert len(set(counts[1:])) == 1


@pytest.mark.parametrize("query", ["from=yesterday", "before=", "colour=red", "before=0001-01-01T00:00:00%2B14:00"])
def test_wrong_filters_of_the_api_are_named(busy: Tenant, query: str) -> None:
    api = ApiClient(make_key(busy, scopes=list(SCOPES)))
    answer = api.get(f"/api/v1/members/c-1/timeline?{query}")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [query.partition("=")[0]])


def walk(client: Client, address: str) -> tuple[list[str], list[int]]:
    """The exact times on all pages of the admin's timeline, and the queries of each page."""
    times: list[str] = []
    counts: list[int] = []
    while address:
        with CaptureQueriesContext(connection) as queries:
            body = client.get(address).content.decode()
        counts.append(len([one for one in queries if not one["sql"].startswith(("SET", "SAVEPOINT", "RELEASE"))]))
        panel = body.split('class="ui-timeline"')[-1].split("</ol>")[0]
        times += [part.split('"')[0] for part in panel.split('datetime="')[1:]]
        later = body.split('class="ui-pagination"')[-1].split("</nav>")[0]
        links = [part.split('"')[0] for part in later.split('href="')[1:] if "before=" in part.split('"')[0]]
        address = links[-1].replace("&amp;", "&") if links and 'class="ui-pagination"' in body else ""
    return times, counts


def test_admin_pages_mix_in_staff_actions_and_cost_the_same_at_depth(
    client: Client, staff: Staff, busy: Tenant
) -> None:
    owner = staff(busy, "owner")
    with tenant_context(busy.pk):
        member = Member.objects.get(external_id="c-1")
        with acting_as(Actor("staff", owner.pk, owner.name)):
            for city in ("Rome", "Paris"):
                upsert_member(external_id="c-1", traits={"city": city})
        drain(busy.pk, names=["stream"])
        assert [entry.verb for entry in staff_actions(member)] == ["member.update", "member.update"]
    client.force_login(owner, "urm.tenancy.authentication.RoleBackend")
    address = f"/w/acme/admin/members/member/{member.pk}/change/"
    client.get(address)
    times, counts = walk(client, address)
    assert len(times) == 2000 + 2 + 2  # visits, what the log says of the changes, what the audit log says
    assert times == sorted(times, reverse=True)
    assert set(counts[1:-1]) == {counts[1]}
    only_staff, _counts = walk(client, f"{address}?kind=staff")
    assert len(only_staff) == 2
    viewer = Client()
    viewer.force_login(staff(busy, "viewer"), "urm.tenancy.authentication.RoleBackend")
    assert "Action of staff" not in viewer.get(address).content.decode()
