"""Exports asked for by programs: what they narrow to, which columns, and a link for the key that asked."""

from typing import Any

import pytest
from django.test import Client

from members.actions import add_tag, upsert_member
from segments.actions import add_to_list, create_segment
from tests.rest.client import ApiClient, make_key
from urm.audit.models import AuditEntry
from urm.jobs.models import Job
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(acme: Tenant) -> int:
    """Three members, one of them tagged, one on a list; gives the list's id."""
    with tenant_context(acme.pk):
        members = [
            upsert_member(external_id=f"c{number}", traits={"first_name": "=1+1", "city": "Rome"})[0]
            for number in range(3)
        ]
        add_tag(member=members[1], name="vip")
        guests = create_segment(name="Guests", kind="static")
        add_to_list(segment=guests, members=[members[2]])
    drain(acme.pk)
    return int(guests.pk)


@pytest.fixture
def program(acme: Tenant) -> ApiClient:
    return ApiClient(make_key(acme, scopes=["members.export"]))


def exported(program: ApiClient, acme: Tenant, body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What the API says when it is done, and the lines of the file."""
    asked = program.post("/api/v1/exports", body)
    assert asked.status_code == 202, asked.content
    assert (asked.json()["state"], asked.json()["url"]) == ("queued", None)
    drain(acme.pk, names=["jobs"])
    told: dict[str, Any] = program.get(asked.headers["Location"]).json()
    file: Any = Client().get(told["url"].removeprefix("http://testserver"))
    assert file.status_code == 200
    return told, b"".join(file.streaming_content).decode("utf-8-sig").splitlines()


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["c0", "c1", "c2"]),
        ({"tag": "vip"}, ["c1"]),
        ({"search": "c2"}, ["c2"]),
        ({"segment_id": "list"}, ["c2"]),
        ({"segment_id": "list", "tag": "vip"}, []),
    ],
)
def test_export_holds_whom_the_filters_leave_and_the_columns_asked_for(
    shop: int, program: ApiClient, acme: Tenant, filters: dict[str, Any], found: list[str]
) -> None:
    given = {name: shop if value == "list" else value for name, value in filters.items()}
    body = {"what": "members", "columns": ["first_name", "external_id"], "filters": given}
    told, lines = exported(program, acme, body)
    assert (told["state"], told["rows"], told["what"], told["format"]) == ("done", len(found), "members", "csv")
    assert lines[0] == "first_name,external_id"
    assert sorted(lines[1:]) == [f"'=1+1,{external_id}" for external_id in found]
    with tenant_context(acme.pk):
        entry = AuditEntry.objects.get(verb="export.start")
        assert (entry.actor_kind, entry.after) == (
            "key",
            {"what": "members", "format": "csv", "filters": entry.after["filters"]},
        )


def test_events_of_a_member_are_exported(shop: int, program: ApiClient, acme: Tenant) -> None:
    body = {
        "what": "events",
        "format": "jsonl",
        "columns": ["name", "external_id"],
        "filters": {"names": ["urm.member.created"], "external_id": "c1"},
    }
    _told, lines = exported(program, acme, body)
    assert lines == ['{"name":"urm.member.created","external_id":"c1"}']


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"what": "audit"}, "what"),
        ({"what": "members", "format": "pdf"}, "format"),
        ({"what": "members", "columns": ["email", "secret"]}, "columns[1]"),
        ({"what": "members", "columns": ["email", "email"]}, "columns"),
        ({"what": "members", "filters": {"tag": "nobody has it"}}, "filters.tag"),
        ({"what": "members", "filters": {"segment_id": "all"}}, "filters.segment_id"),
        ({"what": "members", "filters": {"segment_id": 999_999}}, "filters.segment_id"),
        ({"what": "members", "filters": {"stage": {}}}, "filters.stage"),
        ({"what": "members", "filters": {"search": ""}}, "filters.search"),
        ({"what": "members", "filters": {"city": "Rome"}}, "filters.city"),
        ({"what": "events", "filters": {"names": ["nothing"]}}, "filters.names"),
        ({"what": "events", "filters": {"external_id": "nobody"}}, "filters.external_id"),
    ],
)
def test_what_is_not_understood_is_refused_and_exports_nothing(
    shop: int, program: ApiClient, acme: Tenant, body: dict[str, Any], wrong: str
) -> None:
    refused = program.post("/api/v1/exports", body)
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (400, [wrong])
    with tenant_context(acme.pk):
        assert Job.objects.count() == 0


def test_export_needs_its_scope_and_its_link_is_for_its_key(
    shop: int, program: ApiClient, acme: Tenant, globex: Tenant
) -> None:
    assert ApiClient(make_key(acme, scopes=["members.view"])).post("/api/v1/exports", {}).status_code == 403
    job = program.post("/api/v1/exports", {"what": "members"}).json()["id"]
    stranger = ApiClient(make_key(globex, scopes=["members.export"]))
    assert stranger.get(f"/api/v1/exports/{job}").status_code == 404
    cancelled = program.post(f"/api/v1/jobs/{job}/cancel")
    assert cancelled.status_code in {202, 404}  # seeing jobs takes the scope to see members
