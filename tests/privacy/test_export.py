"""Everything about a person, for themselves, for staff and for programs; every export stands in the audit log."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from members.actions import (
    accept_events,
    ask_for_download,
    canonical_event,
    merge_members,
    unmerge_members,
    upsert_member,
)
from members.actions.export import as_json
from members.models import Member
from members.queries.person import everything_about
from tests.channels.smtp_server import Taken, smtp_server
from tests.members.test_confirmations import link_in
from tests.privacy.test_erasure import plant
from tests.rest.client import ApiClient, make_key
from tests.ui.conftest import sign_in
from urm.audit.models import AuditEntry
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


@pytest.fixture
def ada(acme: Tenant) -> Member:
    with tenant_context(acme.pk):
        traits = {"email": "ok.ada@example.com", "first_name": "<b>Ada</b>", "language": "zh"}
        return upsert_member(external_id="ada", traits=traits)[0]


@pytest.fixture
def mail_server(settings: Any) -> Any:
    with smtp_server() as server:
        settings.EMAIL = {**settings.EMAIL, "host": "127.0.0.1", "port": server.port}
        yield server


def exports(tenant: Tenant) -> list[tuple[str, str]]:
    with tenant_context(tenant.pk):
        return list(AuditEntry.objects.filter(verb="member.export").values_list("actor_kind", "target_label"))


def test_api_gives_rows_by_table(ada: Member, acme: Tenant) -> None:
    answer = ApiClient(make_key(acme, scopes=["members.export"])).post("/api/v1/members/ada/export")
    body = answer.json()
    assert (answer.status_code, body["members_member"][0]["email"]) == (200, "ok.ada@example.com")
    assert sorted(row["value"] for row in body["members_identity"]) == ["ada", "ok.ada@example.com"]
    assert exports(acme) == [("key", f"#{ada.pk}")]


def test_api_needs_the_scope(ada: Member, acme: Tenant) -> None:
    answer = ApiClient(make_key(acme, scopes=["members.view"])).post("/api/v1/members/ada/export")
    assert (answer.status_code, exports(acme)) == (403, [])


def test_staff_download_a_document_that_runs_nothing(ada: Member, acme: Tenant, client: Client, staff: Any) -> None:
    staff(acme, "marketer")
    sign_in(client, "marketer@acme.example.com")
    address = f"/w/acme/admin/members/member/{ada.pk}/export/"
    assert client.get(address).status_code == 405
    answer = client.post(address, {"format": "html"})
    body = answer.content.decode()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="member-{ada.pk}.html"'
    assert ("&lt;b&gt;Ada&lt;/b&gt;" in body, "<b>" in body, "http" in body) == (True, False, False)
    assert client.post(address, {"format": "json"}).json()["members_member"][0]["first_name"] == "<b>Ada</b>"
    assert exports(acme) == [("staff", f"#{ada.pk}")] * 2


def test_staff_without_the_capability_get_nothing(ada: Member, acme: Tenant, client: Client, staff: Any) -> None:
    staff(acme, "viewer")
    sign_in(client, "viewer@acme.example.com")
    assert client.post(f"/w/acme/admin/members/member/{ada.pk}/export/").status_code == 403
    assert exports(acme) == []


def test_members_download_their_own_data_in_their_language(
    ada: Member, acme: Tenant, mail_server: Taken, client: Client
) -> None:
    with tenant_context(acme.pk):
        ask_for_download(member=ada)
    drain(acme.pk)
    path = link_in(mail_server)
    assert (client.get(path).status_code, exports(acme)) == (200, [])
    body = client.post(path).content.decode()
    assert ("Acme 所掌握的关于您的数据" in body, "ok.ada@example.com" in body) == (True, True)
    assert client.post(path, {"format": "json"}).json()["members_member"][0]["external_id"] == "ada"
    assert exports(acme) == [("member", f"#{ada.pk}")] * 2


def test_export_of_a_merged_member_holds_all_that_was_known_under_every_number(in_acme: Tenant) -> None:
    """What the registry found of each before, it finds of both afterwards, whichever of them is asked for."""
    other = plant(in_acme)
    survivor = upsert_member(external_id="ada", traits={"email": "ok.ada@example.com", "first_name": "Ada"})[0]
    sent = {"external_id": "ada", "name": "purchase", "amount": 7, "properties": {"ship_to": "the harbour"}}
    accept_events([canonical_event(sent, trusted=True, now=timezone.now())])
    drain(in_acme.pk)
    before = [as_json(everything_about(one)) for one in (survivor, other)]
    merge = merge_members(survivor=survivor, other=other, choices={"first_name": "other"})
    drain(in_acme.pk)
    other.refresh_from_db()
    after = as_json(everything_about(survivor))
    assert as_json(everything_about(other)) == after
    changed = {"members_member", "loyalty_account", "members_membermerge"}  # these by their own figures below
    lost = {name: [row for one in before for row in one[name] if row not in after[name]] for name in after}
    assert {name for name, rows in lost.items() if rows} - changed == set()
    names = {"loyalty_transfer", "members_event", "members_identity", "feedback_answer", "campaigns_delivery"}
    assert {name for name in names if not any(one[name] for one in before)} == set()
    people = {row["external_id"]: row["first_name"] for row in after["members_member"]}
    assert people == {"ada": "Zebulon", "customer-qx-4711": "Zebulon"}
    [merged] = after["members_membermerge"]  # keeps the name that gave way
    assert merged["changes"]["first_name"] == ["Ada", "Zebulon"]
    assert sum(row["balance"] for row in after["loyalty_account"]) == sum(
        row["balance"] for one in before for row in one["loyalty_account"]
    )
    unmerge_members(merge=merge)
    drain(in_acme.pk)
    survivor.refresh_from_db()
    words = str(as_json(everything_about(survivor)))
    assert ("Zebulon" in words, "the harbour" in words) == (False, True)
