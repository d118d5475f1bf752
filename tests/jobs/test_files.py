"""Files come back as they were written, to whoever asked for the link, as long as they may have them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.storage import storages
from django.db import transaction
from django.test import Client

from tests.conftest import PASSWORD
from tests.rest.client import ApiClient, make_key
from urm.audit.models import AuditEntry
from urm.jobs.files import CSV, PART, add_part, chunks_of, delete_expired, fill, link_to, new_file, on_disk
from urm.jobs.models import File
from urm.tenancy.context import tenant_context
from urm.tenancy.models import ApiKey, Role, Tenant, User

pytestmark = pytest.mark.django_db

CONTENT = "名,1\r\n".encode()


def make_file(content: bytes = CONTENT, capability: str = "members.export") -> File:
    file = new_file(name="会员.csv", content_type=CSV, capability=capability, keep=timedelta(days=1))
    fill(file, [content])
    return file


def test_long_file_is_kept_in_parts_and_reads_as_one(in_acme: Tenant) -> None:
    content = bytes(range(256)) * (PART // 256) + b"the end"
    file = make_file(content)
    assert (file.parts, file.size) == (2, PART + 7)
    assert b"".join(chunks_of(file)) == content
    with on_disk(file) as copy:
        copy.seek(PART)
        assert copy.read() == b"the end"


def test_part_of_a_step_that_was_rolled_back_is_written_again(in_acme: Tenant) -> None:
    file = make_file(b"one ")
    with transaction.atomic():
        add_part(file, b"lost and longer ")
        transaction.set_rollback(True)
    file.refresh_from_db()
    add_part(file, b"two")
    assert b"".join(chunks_of(file)) == b"one two"


def test_file_that_ran_out_is_deleted_with_its_content(in_acme: Tenant) -> None:
    file = make_file()
    assert storages["files"].exists(f"{file.folder}/000000")
    assert not delete_expired()
    assert File.objects.count() == 1
    with time_machine.travel(file.expires_at + timedelta(seconds=1)):
        delete_expired()
    assert (File.objects.count(), storages["files"].exists(f"{file.folder}/000000")) == (0, False)


def signed_in(email: str) -> Client:
    client = Client()
    client.post("/login/", {"username": email, "password": PASSWORD})
    return client


def test_download_is_for_who_asked_for_the_link_and_is_audited(acme: Tenant, staff: Callable[..., User]) -> None:
    analyst, marketer = staff(acme, "analyst"), staff(acme, "marketer")
    with tenant_context(acme.pk):
        link = link_to(make_file(), analyst)
    answer: Any = signed_in(analyst.email).get(link)
    assert b"".join(answer.streaming_content) == CONTENT
    assert answer.headers["Content-Disposition"] == "attachment; filename*=utf-8''%E4%BC%9A%E5%91%98.csv"
    assert (answer.headers["Content-Length"], answer.headers["X-Content-Type-Options"]) == ("7", "nosniff")
    with tenant_context(acme.pk):
        assert list(AuditEntry.objects.values_list("verb", "actor_label")) == [("file.download", "Analyst")]
    assert signed_in(marketer.email).get(link).status_code == 404
    assert Client().get(link).status_code == 404
    assert signed_in(analyst.email).get(f"{link[:-1]}{'A' if link[-1] != 'A' else 'B'}").status_code == 404


def test_download_is_refused_once_the_link_ran_out_or_the_role_changed(
    acme: Tenant, staff: Callable[..., User]
) -> None:
    analyst = staff(acme, "analyst")
    with tenant_context(acme.pk):
        file = make_file()
        link = link_to(file, analyst)
    client = signed_in(analyst.email)
    with time_machine.travel(file.created_at + timedelta(minutes=16), tick=False):
        assert client.get(link).status_code == 404
    assert client.get(link).status_code == 200
    Role.objects.filter(user=analyst).update(name="viewer")
    assert client.get(link).status_code == 404


def test_key_downloads_as_long_as_it_has_the_scope(acme: Tenant) -> None:
    token = make_key(acme, scopes=["members.export"])
    other = make_key(acme, scopes=["segments.view"])
    with tenant_context(acme.pk):
        file = make_file()
    told = ApiClient(token).get(f"/api/v1/files/{file.pk}").json()
    assert (told["name"], told["size"]) == ("会员.csv", 7)
    assert Client().get(told["url"]).status_code == 200
    assert ApiClient(other).get(f"/api/v1/files/{file.pk}").status_code == 404
    ApiKey.objects.filter(tenant=acme).update(scopes=["segments.view"])
    assert Client().get(told["url"]).status_code == 404
