"""Every page of the admin answers for who may see it, and tells others nothing."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.ui.addresses import Address, admin_addresses
from tests.ui.conftest import sign_in
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, TenantModel

pytestmark = pytest.mark.django_db

ADDRESSES = admin_addresses()
NOWHERE = 987_654_321
NO_QUERY = ("SET LOCAL", "SAVEPOINT", "RELEASE")  # not the list's own, and cheap


def first_row(model: type[models.Model], tenant: Tenant) -> Any:
    with tenant_context(tenant.pk):
        rows = model._default_manager.filter(tenant_id=tenant.pk)
        if not issubclass(model, TenantModel):
            rows = rows.exclude(pk__isnull=True)
        return rows.order_by("pk").values_list("pk", flat=True).first()


def test_showcase_has_a_row_of_every_model_in_the_admin(showcase: tuple[Tenant, Tenant]) -> None:
    missing = [
        (tenant.slug, model._meta.label)
        for tenant in showcase
        for model in admin.site._registry
        if first_row(model, tenant) is None
    ]
    assert missing == []


def test_every_page_opens_for_the_owner(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    sign_in(client, "owner@example.com")
    problems: list[tuple[str, Any]] = []
    for tenant in showcase:
        for address in ADDRESSES:
            path = address.path(tenant.slug, first_row(address.model, tenant) if address.model else None)
            answer = client.get(path)
            body = answer.content.decode()
            if answer.status_code not in {200, 403, 405}:  # 403: nobody may, 405: only ever posted to
                problems.append((path, answer.status_code))
            if "data-panel-failed" in body:
                problems.append((path, re.findall('data-panel-failed="([^"]*)"', body)))
    assert problems == []


def test_row_of_another_workspace_answers_like_one_that_does_not_exist(
    client: Client, showcase: tuple[Tenant, Tenant]
) -> None:
    acme, globex = showcase
    sign_in(client, "owner@example.com")  # owner of both: only the workspace in the address keeps them apart
    different = []
    for address in (address for address in ADDRESSES if address.needs_row):
        assert address.model is not None
        foreign = first_row(address.model, globex)
        assert foreign != first_row(address.model, acme), address.model
        for method in ("get", "post"):
            there = _answer(client, method, address, acme, foreign)
            nowhere = _answer(client, method, address, acme, NOWHERE)
            if there != nowhere or there[0] not in {404, 405}:
                different.append((method, address.route, there[0], nowhere[0]))
    assert different == []


def _answer(client: Client, method: str, address: Address, tenant: Tenant, pk: Any) -> tuple[int, str]:
    answer = getattr(client, method)(address.path(tenant.slug, pk))
    return answer.status_code, answer.content.decode().replace(f"/{pk}/", "/ID/")


def test_page_of_a_workspace_without_role_is_not_found(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    sign_in(client, "marketer@acme.example.com")
    assert client.get("/w/acme/admin/").status_code == 200
    assert client.get("/w/globex/admin/").status_code == 404
    assert client.get("/w/nowhere/admin/").status_code == 404


def test_viewer_may_change_nothing(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    acme, _globex = showcase
    sign_in(client, "viewer@acme.example.com")
    opened = []
    for address in ADDRESSES:
        if address.name in {"password_change"}:
            continue
        pk = first_row(address.model, acme) if address.model else None
        answer = client.post(address.path(acme.slug, pk), {"post": "yes", "name": "x"})
        if answer.status_code not in {403, 405, 404} and not (answer.status_code == 200 and not address.needs_row):
            opened.append((address.route, answer.status_code))
    assert opened == []


def test_anonymous_visitor_is_sent_to_the_log_in(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    answers = {
        (answer.status_code, answer.headers["Location"].partition("?")[0])
        for address in ADDRESSES
        if (answer := client.get(address.path("acme", 1)))
    }
    assert answers == {(302, "/login/")}


def test_admin_without_workspace_leads_to_the_choice(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    sign_in(client, "owner@example.com")
    answer = client.get("/admin/members/member/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_lists_ask_a_fixed_number_of_queries(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    """Two rows or three: a list that asks once per row would show here."""
    acme, _globex = showcase
    sign_in(client, "owner@example.com")
    growing = []
    for address in ADDRESSES:
        if not address.name.endswith("_changelist"):
            continue
        model_admin: Any = admin.site._registry[address.model]  # type: ignore[index]
        counts = []
        for page in (2, 3):
            model_admin.list_per_page, before = page, model_admin.list_per_page
            try:
                client.get(address.path(acme.slug))  # warms what is remembered for longer than a request
                with CaptureQueriesContext(connection) as queries:
                    client.get(address.path(acme.slug))
            finally:
                model_admin.list_per_page = before
            counts.append(
                len([one for one in queries if not one["sql"].startswith(("SET LOCAL", "SAVEPOINT", "RELEASE"))])
            )
        if counts[0] != counts[1]:
            growing.append((address.route, counts))
    assert growing == []
