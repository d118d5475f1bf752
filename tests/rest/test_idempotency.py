"""One effect and one answer, whatever is repeated and however many do it at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from members.models import Tag
from tests.rest.client import ApiClient, make_key
from urm.rest.idempotency import KEPT
from urm.rest.models import IdempotentAnswer
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

pytestmark = pytest.mark.urls("tests.rest.routes")
SCOPES = ["members.view", "members.change"]


def names(tenant: Tenant) -> list[str]:
    with tenant_context(tenant.pk):
        return list(Tag.objects.order_by("pk").values_list("name", flat=True))


@pytest.mark.django_db
def test_repeated_request_gets_the_first_answer(api: ApiClient, acme: Tenant) -> None:
    first, second = (api.post("/api/v1/tags", {"name": "vip"}, idempotency_key="k-1") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.content, first.headers["Location"]) == (second.content, second.headers["Location"])
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert names(acme) == ["vip"]


@pytest.mark.django_db
def test_same_key_with_another_request_is_refused(api: ApiClient, acme: Tenant) -> None:
    api.post("/api/v1/tags", {"name": "vip"}, idempotency_key="k-1")
    for path, body in [("/api/v1/tags", {"name": "gold"}), ("/api/v1/tags?x=1", {"name": "vip"})]:
        response = api.post(path, body, idempotency_key="k-1")
        assert (response.status_code, response.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert names(acme) == ["vip"]


@pytest.mark.django_db
def test_refused_request_leaves_nothing_and_may_be_corrected(api: ApiClient, acme: Tenant) -> None:
    late = api.post("/api/v1/tags", {"name": "late refusal"}, idempotency_key="k-1")
    assert (late.status_code, late.json()["error"]["code"]) == (409, "too_late")
    assert names(acme) == []  # without a key the row would be there: the refusal comes after the action's commit
    assert api.post("/api/v1/tags", {"name": "vip"}, idempotency_key="k-1").status_code == 201
    assert names(acme) == ["vip"]


@pytest.mark.django_db
def test_key_belongs_to_the_api_key_and_workspace(api: ApiClient, outsider: ApiClient, acme: Tenant) -> None:
    colleague = ApiClient(make_key(acme, scopes=SCOPES))
    statuses = [
        client.post("/api/v1/tags", {"name": name}, idempotency_key="k-1").status_code
        for client, name in [(api, "vip"), (colleague, "gold"), (outsider, "vip")]
    ]
    assert statuses == [201, 201, 201]
    assert names(acme) == ["vip", "gold"]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "schlüssel"])
def test_key_out_of_shape_is_refused(api: ApiClient, acme: Tenant, key: str) -> None:
    response = api.post("/api/v1/tags", {"name": "vip"}, idempotency_key=key)
    assert (response.status_code, list(response.json()["error"]["fields"])) == (400, ["Idempotency-Key"])
    assert names(acme) == []


@pytest.mark.django_db
def test_answers_are_forgotten_after_two_days(api: ApiClient, acme: Tenant) -> None:
    for key in ("old", "new"):
        api.post("/api/v1/tags", {"name": key}, idempotency_key=key)
    with tenant_context(acme.pk):
        IdempotentAnswer.objects.filter(key="old").update(created_at=timezone.now() - KEPT - timedelta(seconds=1))
    drain(acme.pk, names=["rest.forget_answers"])
    with tenant_context(acme.pk):
        assert list(IdempotentAnswer.objects.values_list("key", flat=True)) == ["new"]


@pytest.mark.usefixtures("committed_db")
def test_fifty_at_once_have_one_effect() -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    token = make_key(tenant, scopes=SCOPES)

    def send(_n: int) -> tuple[int, bytes]:
        try:
            response = ApiClient(token).post("/api/v1/tags", {"name": "vip"}, idempotency_key="k-1")
            return response.status_code, response.content
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as threads:
        answers = set(threads.map(send, range(50)))
    with tenant_context(tenant.pk):
        tag = Tag.objects.get()
    assert answers == {(201, b'{"id":%d,"name":"vip"}' % tag.pk)}


@pytest.mark.usefixtures("committed_db")
def test_crash_before_the_answer_leaves_neither_effect_nor_key(monkeypatch: Any) -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    api = ApiClient(make_key(tenant, scopes=SCOPES))
    with monkeypatch.context() as patch:
        patch.setattr("urm.rest.idempotency.dumps", lambda data: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            api.post("/api/v1/tags", {"name": "vip"}, idempotency_key="k-1")
    assert names(tenant) == []
    assert api.post("/api/v1/tags", {"name": "vip"}, idempotency_key="k-1").status_code == 201
