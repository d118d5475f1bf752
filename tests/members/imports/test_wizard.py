"""The wizard's pages, from the file to the undo."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from members.models import Import, Member
from tests.conftest import PASSWORD
from tests.lib.sheets.test_xlsxfiles import workbook
from tests.members.imports.rehearsal import table
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db
ADMIN = "/w/acme/admin/members/import"


@pytest.fixture
def marketer(acme: Tenant, staff: Callable[..., User], client: Client) -> Client:
    user = staff(acme, "marketer")
    client.post("/login/", {"username": user.email, "password": PASSWORD})
    return client


def upload(client: Client, content: bytes, name: str = "members.csv") -> Any:
    return client.post(f"{ADMIN}/add/", {"file": SimpleUploadedFile(name, content)})


def mapping_of(client: Client, pk: int, **changes: str) -> dict[str, Any]:
    """The form as it was offered, with changes."""
    form = client.get(f"{ADMIN}/{pk}/mapping/").context["form"]
    data = {field.name: field.value() for field in form if field.value() not in (None, False)}
    return {**data, **changes}


def test_walk_from_the_file_to_the_undo(marketer: Client, acme: Tenant) -> None:
    content = table(("会员编号", "邮箱", "喜好"), ("c1", "ada@example.com", "茶"), ("c2", "nobody", "茶")).decode()
    answer = upload(marketer, content.encode("gb18030"))
    with tenant_context(acme.pk):
        job = Import.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{ADMIN}/{job.pk}/mapping/")
    assert (job.encoding, job.delimiter) == ("gb18030", ",")
    offered = mapping_of(marketer, job.pk)
    assert (offered["target_0"], offered["target_1"], offered.get("target_2")) == ("external_id", "email", "")
    refused = marketer.post(f"{ADMIN}/{job.pk}/mapping/", {**offered, "target_1": "external_id"})
    assert "The column 会员编号 means the same. Choose one of them." in refused.content.decode()
    wanted = {**offered, "target_2": "new attribute", "name_2": "likes", "type_2": "text"}
    assert marketer.post(f"{ADMIN}/{job.pk}/mapping/", wanted).status_code == 302
    assert "data-ui-progress" in marketer.get(f"{ADMIN}/{job.pk}/change/").content.decode()
    drain(acme.pk, names=["jobs"])
    shown = marketer.get(f"{ADMIN}/{job.pk}/change/").content.decode()
    assert "email: Must be an e-mail address such as ada@example.com." not in shown
    assert "邮箱: Must be an e-mail address such as ada@example.com." in shown
    errors = marketer.post(f"{ADMIN}/{job.pk}/problems/")
    file: Any = marketer.get(errors.headers["Location"])
    assert b"".join(file.streaming_content).decode("utf-8-sig").splitlines() == [
        "会员编号,邮箱,喜好,urm_row,urm_problem",
        "c2,nobody,茶,3,邮箱: Must be an e-mail address such as ada@example.com.",
    ]
    marketer.post(f"{ADMIN}/{job.pk}/run/")
    drain(acme.pk, names=["jobs"])
    with tenant_context(acme.pk):
        assert Member.objects.get(external_id="c1").attributes == {"likes": "茶"}
    marketer.post(f"{ADMIN}/{job.pk}/undo/")
    drain(acme.pk, names=["jobs"])
    with tenant_context(acme.pk):
        assert not Member.objects.filter(external_id="c1").exists()
        assert Import.objects.get().state == "undone"
    assert marketer.get(f"{ADMIN}/{job.pk}/change/").status_code == 200
    assert marketer.get(f"{ADMIN}/").status_code == 200


def test_workbook_is_read_like_any_other_file(marketer: Client, acme: Tenant) -> None:
    upload(marketer, workbook([["id", "phone"], ["c1", 13812345678]]).getvalue(), "members.xlsx")
    with tenant_context(acme.pk):
        job = Import.objects.get()
    marketer.post(f"{ADMIN}/{job.pk}/mapping/", mapping_of(marketer, job.pk, country="CN"))
    drain(acme.pk, names=["jobs"])
    marketer.post(f"{ADMIN}/{job.pk}/run/")
    drain(acme.pk, names=["jobs"])
    with tenant_context(acme.pk):
        assert Member.objects.get(external_id="c1").phone == "+8613812345678"


def test_file_read_wrongly_is_read_again(marketer: Client, acme: Tenant) -> None:
    upload(marketer, "id;name\r\nc1;Zoëf\r\n".encode("windows-1252"))  # GB18030 has a character for these bytes
    with tenant_context(acme.pk):
        job = Import.objects.get()
    marketer.post(f"{ADMIN}/{job.pk}/reading/", {"encoding": "windows-1252", "delimiter": ";"})
    with tenant_context(acme.pk):
        job.refresh_from_db()
    assert [column["samples"] for column in job.columns] == [["c1"], ["Zoëf"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"id,email\n", "The file has no rows below its header."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "This is an old or protected Excel file."),
        (b"PK\x03\x04 nothing", "This is no XLSX file."),
        (b"id,\x81\xff\n1,2\n", "neither UTF-8 nor GB18030"),
        (b'id,note\n1,"' + b"x\n" * 100_000, "Is a closing quotation mark missing?"),
    ],
)
def test_hostile_file_is_refused_with_words_and_kept_nowhere(
    marketer: Client, acme: Tenant, content: bytes, words: str
) -> None:
    answer = upload(marketer, content)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    with tenant_context(acme.pk):
        assert not Import.objects.exists()


def test_nul_and_formulas_end_as_problems_or_text(marketer: Client, acme: Tenant) -> None:
    content = b"id,city,id\nc1,Par\x00is,x\nc2,'=1+1,x\nc3,=cmd|calc,x\n"
    upload(marketer, content)
    with tenant_context(acme.pk):
        job = Import.objects.get()
    assert [(column["target"], column.get("twice", False)) for column in job.columns] == [
        ("external_id", True),
        ("city", False),
        ("", True),
    ]
    marketer.post(f"{ADMIN}/{job.pk}/mapping/", mapping_of(marketer, job.pk))
    drain(acme.pk, names=["jobs"])
    marketer.post(f"{ADMIN}/{job.pk}/run/")
    drain(acme.pk, names=["jobs"])
    with tenant_context(acme.pk):
        cities = dict(Member.objects.values_list("external_id", "city"))
    assert cities == {"c2": "=1+1", "c3": "=cmd|calc"}


def test_viewer_sees_the_report_but_neither_rows_nor_buttons(
    marketer: Client, acme: Tenant, staff: Callable[..., User]
) -> None:
    upload(marketer, table(("id", "email"), ("c1", "nobody")))
    with tenant_context(acme.pk):
        job = Import.objects.get()
    marketer.post(f"{ADMIN}/{job.pk}/mapping/", mapping_of(marketer, job.pk))
    drain(acme.pk, names=["jobs"])
    viewer = Client()
    viewer.post("/login/", {"username": staff(acme, "viewer").email, "password": PASSWORD})
    shown = viewer.get(f"{ADMIN}/{job.pk}/change/").content.decode()
    assert "nobody" not in shown
    assert "Discard the file</button>" not in shown
    assert viewer.post(f"{ADMIN}/{job.pk}/run/").status_code == 403
    assert viewer.get(f"{ADMIN}/add/").status_code == 403
