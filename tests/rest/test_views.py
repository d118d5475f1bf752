"""Who may ask, in whose name the view runs, and what a refusal looks like."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from django.utils import timezone

from members.models import Tag
from tests.rest.client import ApiClient, make_key
from urm.tenancy.context import current_tenant_id, tenant_context
from urm.tenancy.models import ApiKey, Tenant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.rest.routes")]


def error_of(response: Any) -> tuple[int, str]:
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "fields"]
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, body["error"]["code"]


def test_view_sees_the_rows_of_its_keys_workspace(api: ApiClient, acme: Tenant, globex: Tenant) -> None:
    for tenant, name in [(acme, "vip"), (globex, "stranger")]:
        with tenant_context(tenant.pk):
            Tag.objects.create(name=name)
    assert [row["name"] for row in api.get("/api/v1/tags").json()["data"]] == ["vip"]
    assert current_tenant_id() is None


def test_another_workspaces_row_answers_as_none(api: ApiClient, globex: Tenant) -> None:
    with tenant_context(globex.pk):
        Tag.objects.create(name="stranger")
    there, nowhere = api.get("/api/v1/tags/stranger"), api.get("/api/v1/tags/nothing")
    assert error_of(there) == (404, "not_found")
    assert there.content == nowhere.content


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer nonsense", "Basic c2s6", "Bearer sk_" + "x" * 43, "Bearer pk_é" + "x" * 43],
)
def test_request_without_valid_key_is_refused(acme: Tenant, header: str) -> None:
    response = ApiClient(None).get("/api/v1/tags", authorization=header)
    assert error_of(response) == (401, "unauthenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_revoked_or_expired_key_is_refused_at_once(acme: Tenant, field: str) -> None:
    api = ApiClient(make_key(acme, scopes=["members.view"]))
    assert api.get("/api/v1/tags").status_code == 200
    ApiKey.objects.update(**{field: timezone.now()})
    assert error_of(api.get("/api/v1/tags")) == (401, "unauthenticated")


def test_last_use_is_noted_once_a_minute(acme: Tenant, django_assert_num_queries: Any) -> None:
    api = ApiClient(make_key(acme, scopes=["members.view"]))
    api.get("/api/v1/tags")
    noted = ApiKey.objects.get().last_used_at
    api.get("/api/v1/tags")
    assert ApiKey.objects.get().last_used_at == noted
    assert noted is not None
    ApiKey.objects.update(last_used_at=noted - timedelta(seconds=61))
    api.get("/api/v1/tags")
    assert (ApiKey.objects.get().last_used_at or noted) > noted


def test_key_without_scope_is_refused(acme: Tenant) -> None:
    api = ApiClient(make_key(acme, scopes=["members.view"]))
    assert api.get("/api/v1/tags").status_code == 200
    assert error_of(api.post("/api/v1/tags", {"name": "vip"})) == (403, "scope_missing")
    assert error_of(api.put("/api/v1/tags", {})) == (405, "method_not_allowed")


def test_fault_is_logged_and_hides_its_cause(api: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    api.raise_request_exception = False
    response = api.get("/api/v1/fault")
    assert error_of(response) == (500, "internal")
    assert b"secret" not in response.content
    [logged] = [record.msg for record in caplog.records if record.name == "urm.rest.views"]
    assert isinstance(logged, dict)
    assert (logged["fault"], logged["reference"] in response.json()["error"]["message"]) == ("RuntimeError", True)
    assert "routes.py" in logged["frames"][-1]


def test_logs_hold_nothing_that_was_sent(api: ApiClient, acme: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    api.raise_request_exception = False
    api.get("/api/v1/tags/ada@example.com")
    api.get("/api/v1/tags?name=ada@example.com&nmae=ada@example.com")
    api.post("/api/v1/tags", {"name": "ada@example.com" * 10})
    api.post("/api/v1/tags", {"name": "ada@example.com"})
    api.post("/api/v1/tags", {"name": "ada@example.com"})
    api.get("/api/v1/fault?name=ada@example.com")
    assert "ada@" not in caplog.text
    assert "secret" not in caplog.text
    assert str(api.token) not in caplog.text


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/api/v2/tags", "/api/v1/tags/a/b", "/api/v1/tags/"])
def test_unknown_route_answers_in_the_same_shape(api: ApiClient, path: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        assert error_of(api.get(path)) == (404, "not_found")
        api.handler.enforce_csrf_checks = True
        assert error_of(api.post(path, {})) == (404, "not_found")


def test_unknown_host_answers_in_the_same_shape(api: ApiClient) -> None:
    response = api.generic("GET", "/api/v1/tags", headers={"host": "evil.example.com"})
    assert error_of(response)[0] in {400, 401}


def test_method_media_type_and_accept_are_refused_by_name(api: ApiClient) -> None:
    response = api.patch("/api/v1/tags", {})
    assert error_of(response) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET, POST, HEAD"
    assert error_of(api.send("OPTIONS", "/api/v1/tags")) == (405, "method_not_allowed")
    assert error_of(api.get("/api/v1/tags", accept="text/html")) == (406, "not_acceptable")
    wrong = api.post("/api/v1/tags", b"name=vip", content_type="application/x-www-form-urlencoded")
    assert error_of(wrong) == (415, "unsupported_media_type")


def test_wrong_fields_are_named_by_path(api: ApiClient) -> None:
    response = api.post("/api/v1/tags", {"name": "", "lines": [{"a": 1}, {"b": "x"}]})
    assert error_of(response) == (400, "invalid")
    assert response.json()["error"]["fields"] == {
        "name": ["This field may not be blank."],
        "lines[1].b": ["A valid integer is required."],
    }


def test_conflict_with_the_present_state_is_409(api: ApiClient) -> None:
    assert api.post("/api/v1/tags", {"name": "vip"}).status_code == 201
    assert error_of(api.post("/api/v1/tags", {"name": "vip"})) == (409, "conflict")
    assert error_of(api.post("/api/v1/tags", {"name": "late refusal"})) == (409, "too_late")


def test_nul_in_the_address_is_refused(api: ApiClient) -> None:
    assert error_of(api.get("/api/v1/tags/%00")) == (404, "not_found")
    for query in ("name=%00", "name=%00&name=a", "%00=a"):
        assert error_of(api.get(f"/api/v1/tags?{query}")) == (400, "invalid")


def test_unknown_parameter_is_refused_with_the_nearest(api: ApiClient) -> None:
    response = api.get("/api/v1/tags?nam=vip")
    assert error_of(response) == (400, "invalid")
    assert response.json()["error"]["fields"] == {"nam": ["Unknown parameter; did you mean name?"]}


def test_answers_are_english_whatever_the_browser_asks(api: ApiClient) -> None:
    response = api.post("/api/v1/tags", {"name": ""}, accept_language="zh-hans")
    assert response.json()["error"]["fields"] == {"name": ["This field may not be blank."]}
    assert django_settings.LANGUAGE_CODE == "en"
