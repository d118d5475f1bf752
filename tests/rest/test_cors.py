"""Publishable keys: two routes, from their own origins."""

import pytest

from tests.rest.client import ApiClient, make_key
from urm.tenancy.models import Tenant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.rest.routes")]

SHOP = "https://shop.example.com"
PREFLIGHT = {"origin": SHOP, "access-control-request-method": "POST"}


def test_preflight_is_answered_on_browser_routes_only() -> None:
    client = ApiClient(None)
    response = client.send("OPTIONS", "/api/v1/browser", **PREFLIGHT)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert response.headers["Access-Control-Allow-Methods"] == "POST"
    assert "Access-Control-Allow-Credentials" not in response.headers
    for path in ("/api/v1/tags", "/api/v1/nothing", "/livez"):
        refused = client.send("OPTIONS", path, **PREFLIGHT)
        assert "Access-Control-Allow-Origin" not in refused.headers


def test_request_is_taken_from_an_allowed_origin(publishable: ApiClient) -> None:
    response = publishable.post("/api/v1/browser", [1, 2], origin=SHOP)
    assert (response.status_code, response.json()) == (200, {"items": 2})
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Origin" in response.headers["Vary"]


def test_refusal_is_readable_for_an_allowed_origin(publishable: ApiClient) -> None:
    response = publishable.post("/api/v1/browser", b"{", origin=SHOP)
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (400, SHOP)


@pytest.mark.parametrize("origin", ["https://evil.example.com", "https://shop.example.com.evil.org", "null", ""])
def test_other_origins_are_refused(publishable: ApiClient, origin: str) -> None:
    headers = {"origin": origin} if origin else {}
    response = publishable.post("/api/v1/browser", [], **headers)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in response.headers


def test_key_without_origins_is_for_native_apps(acme: Tenant) -> None:
    app = ApiClient(make_key(acme, kind="pk"))
    assert app.post("/api/v1/browser", []).status_code == 200
    assert app.post("/api/v1/browser", [], origin=SHOP).status_code == 403


def test_publishable_key_opens_nothing_else(publishable: ApiClient) -> None:
    for response in (
        publishable.get("/api/v1/tags", origin=SHOP),
        publishable.post("/api/v1/tags", {"name": "vip"}, origin=SHOP),
        publishable.get("/api/v1/fault", origin=SHOP),
    ):
        assert (response.status_code, response.json()["error"]["code"]) == (403, "secret_key_needed")
