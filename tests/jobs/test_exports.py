"""What a list shows comes as a file: filtered, whole, without formulas, through a link that runs out."""

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import orjson
import pytest
from django.test import Client

from members.actions import add_tag, upsert_member
from members.models import AttributeDefinition, Tag
from tests.conftest import PASSWORD
from urm.audit.models import AuditEntry
from urm.jobs import exports
from urm.jobs.models import File, Job
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(acme: Tenant, staff: Callable[..., User], client: Client) -> Client:
    with tenant_context(acme.pk):
        AttributeDefinition.objects.create(name="pets", type="number", label_en="Pets")
        for number in range(5):
            member, _created = upsert_member(
                external_id=f"c{number}", traits={"first_name": "=1+1", "attributes": {"pets": number, "hat": "red"}}
            )
            if number % 2:
                add_tag(member=member, name="odd")
    drain(acme.pk, names=["stream"])
    client.post("/login/", {"username": staff(acme, "analyst").email, "password": PASSWORD})
    return client


def exported(client: Client, acme: Tenant, query: str, file_format: str) -> bytes:
    answer = client.post(f"/w/acme/admin/export/?{query}", {"format": file_format})
    assert answer.status_code == 302, answer.content.decode()
    drain(acme.pk, names=["jobs"])
    page = client.get(answer.headers["Location"]).content.decode()
    assert "Download the file" in page
    link = client.post(answer.headers["Location"].replace("change/", "download/"))
    file: Any = client.get(link.headers["Location"])
    return b"".join(file.streaming_content)


def test_filtered_list_is_exported_in_slices(shop: Client, acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SLICE", 2)
    with tenant_context(acme.pk):
        tag = Tag.objects.get(name="odd")
    everybody = exported(shop, acme, "what=members", "csv").decode()
    assert everybody.startswith("\ufeffexternal_id,first_name,")
    lines = everybody.splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["c4", "c3", "c2", "c1", "c0"]
    assert "'=1+1" in lines[1]
    assert lines[1].endswith(',,4,"{""hat"":""red""}"')
    odd = exported(shop, acme, f"what=members&tag={tag.pk}", "jsonl").splitlines()
    assert [orjson.loads(line)["external_id"] for line in odd] == ["c3", "c1"]
    assert [orjson.loads(line)["attributes.pets"] for line in odd] == [3, 1]
    searched = exported(shop, acme, "what=members&q=c2", "csv").splitlines()
    assert len(searched) == 2


def test_workbook_is_bound_at_the_end_and_holds_no_formula(
    shop: Client, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SLICE", 2)
    book = openpyxl.load_workbook(io.BytesIO(exported(shop, acme, "what=members", "xlsx")))
    rows = list(book.active.iter_rows())
    assert len(rows) == 6
    assert {cell.data_type for row in rows for cell in row} == {"s", "n"}
    with tenant_context(acme.pk):
        assert File.objects.count() == 1  # what was gathered on the way is gone


def test_empty_list_is_a_file_with_a_header(shop: Client, acme: Tenant) -> None:
    assert len(exported(shop, acme, "what=members&q=nobody", "csv").splitlines()) == 1


def test_events_of_a_member_are_exported_in_order(shop: Client, acme: Tenant) -> None:
    lines = exported(shop, acme, "what=events&event=urm.tag.added", "jsonl").splitlines()
    assert [orjson.loads(line)["external_id"] for line in lines] == ["c1", "c3"]


def test_export_is_audited_without_the_words_searched_for(shop: Client, acme: Tenant) -> None:
    exported(shop, acme, "what=members&q=ada", "csv")
    with tenant_context(acme.pk):
        entries = AuditEntry.objects.filter(actor_label="Analyst").order_by("id")
        assert [entry.verb for entry in entries] == ["job.start", "export.start", "file.download"]
        assert entries[1].after == {"what": "members", "format": "csv", "filters": ["q"]}


def test_who_may_not_see_a_list_may_not_export_it(shop: Client, acme: Tenant, staff: Callable[..., User]) -> None:
    assert shop.post("/w/acme/admin/export/?what=audit", {"format": "csv"}).status_code == 403
    viewer = Client()
    viewer.post("/login/", {"username": staff(acme, "viewer").email, "password": PASSWORD})
    assert viewer.post("/w/acme/admin/export/?what=members", {"format": "csv"}).status_code == 403
    assert "/export/" not in viewer.get("/w/acme/admin/members/member/").content.decode()
    assert "/export/?what=members" in shop.get("/w/acme/admin/members/member/").content.decode()
    with tenant_context(acme.pk):
        assert not Job.objects.exists()


def test_audit_log_is_exported_for_its_readers(shop: Client, acme: Tenant, staff: Callable[..., User]) -> None:
    admin = Client()
    admin.post("/login/", {"username": staff(acme, "admin").email, "password": PASSWORD})
    lines = exported(admin, acme, "what=audit", "jsonl").splitlines()
    assert {orjson.loads(line)["action"] for line in lines} == {"job.start", "export.start"}
