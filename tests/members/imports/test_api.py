"""Imports by servers: CSV or JSON lines in, a job, problems row by row, undo."""

import pytest
from django.test import Client

from members.models import Import, Member
from tests.members.imports.rehearsal import table
from tests.rest.client import ApiClient, make_key
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(acme: Tenant) -> ApiClient:
    return ApiClient(make_key(acme, scopes=["members.view", "members.change"]))


def test_json_lines_are_imported_and_undone(api: ApiClient, acme: Tenant) -> None:
    lines = (
        b'{"external_id": "c1", "email": "ada@example.com", "attributes": {"pets": 2, "likes": ["tea", "jazz"]}}\n'
        b'{"external_id": "c2", "email": "nobody"}\n\n'
    )
    answer = api.post("/api/v1/imports?match=email", lines, content_type="application/x-ndjson")
    assert (answer.status_code, answer.json()["state"]) == (202, "checking")
    address = answer.headers["Location"]
    drain(acme.pk, names=["jobs"])
    told = api.get(address).json()
    assert (told["state"], told["counts"]) == ("done", {"new": 1, "error": 1})
    assert api.get(f"/api/v1/jobs/{told['job_id']}").json()["result"]["import_id"] == told["id"]
    [problem] = api.get(f"{address}/problems").json()["data"]
    assert problem["problems"] == [{"column": "email", "message": "Must be an e-mail address such as ada@example.com."}]
    url = api.get(f"/api/v1/files/{told['error_file_id']}").json()["url"]
    assert Client().get(url).status_code == 200
    with tenant_context(acme.pk):
        assert Member.objects.get().attributes == {"pets": 2, "likes": "tea; jazz"}
    assert api.post(f"{address}/undo").status_code == 202
    drain(acme.pk, names=["jobs"])
    assert api.get(address).json()["counts"]["undo"]["removed"] == 1
    assert api.post(f"{address}/undo").json()["error"]["code"] == "cannot_undo"


def test_csv_is_imported_in_the_mode_asked_for(api: ApiClient, acme: Tenant) -> None:
    content = table(("external_id", "city"), ("c1", "Rome"))
    answer = api.post("/api/v1/imports?mode=update", content, content_type="text/csv")
    drain(acme.pk, names=["jobs"])
    assert api.get(answer.headers["Location"]).json()["counts"] == {"skipped": 1}


@pytest.mark.parametrize(
    ("query", "body", "kind", "field"),
    [
        ("", b"id,email\nc1,a@example.com\n", "text/csv", "id"),
        ("", b"", "text/csv", "body"),
        ("", b"external_id\n", "text/csv", "body"),
        ("", b"{\n", "application/x-ndjson", "body"),
        ("", b"[1]\n", "application/x-ndjson", "body"),
        ("?mode=all", b"external_id\nc1\n", "text/csv", "mode"),
        ("?match=name", b"external_id\nc1\n", "text/csv", "match"),
        ("?colour=red", b"external_id\nc1\n", "text/csv", "colour"),
        ("", b"city\nRome\n", "text/csv", "match"),
        ("", b"external_id,consent.email.marketing\nc1,yes\n", "text/csv", "consent_source"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_kept_nowhere(
    api: ApiClient, acme: Tenant, query: str, body: bytes, kind: str, field: str
) -> None:
    answer = api.post(f"/api/v1/imports{query}", body, content_type=kind)
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])
    with tenant_context(acme.pk):
        assert not Import.objects.exists()


def test_other_kinds_of_bodies_and_keys_are_refused(api: ApiClient, acme: Tenant) -> None:
    assert api.post("/api/v1/imports", {"external_id": "c1"}).status_code == 415
    reader = ApiClient(make_key(acme, scopes=["members.view"]))
    assert reader.post("/api/v1/imports", b"external_id\nc1\n", content_type="text/csv").status_code == 403
