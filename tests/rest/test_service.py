"""What operators' programs ask: alive, ready, figures — and the documentation that needs no Internet."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import OperationalError
from django.test import Client, override_settings

from urm.rest import health
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import wake

pytestmark = pytest.mark.django_db


def test_live_asks_nothing(client: Client, django_assert_num_queries: object) -> None:
    assert client.get("/livez").json() == {"status": "ok"}


def test_ready_says_ok_with_every_check(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "ok"
    assert {"database": None, "migrations": None, "redis": None, "log_partitions": None}.items() <= body[
        "checks"
    ].items()


def test_ready_is_degraded_without_redis(client: Client) -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["redis"] == "ConnectionError"


def test_ready_fails_without_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str | None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(health, "_checks", [health._Registered("database", True, gone)])
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "failing")
    assert response.json()["checks"] == {"database": "OperationalError"}


def test_metrics_count_requests_and_due_work_without_naming_anybody(client: Client, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        wake("stream")
    client.get("/livez")
    client.generic("BREW", "/livez")
    text = client.get("/metrics").content.decode()
    assert 'urm_http_request_seconds_count{method="GET",route="livez",status="200"}' in text
    assert 'method="other"' in text
    assert 'urm_wakeups_due{work="stream"} 1.0' in text
    assert "urm_inbox_events 0.0" in text
    assert "acme" not in text.lower()


@override_settings(METRICS_TOKEN="let me in")
def test_metrics_ask_for_their_token(client: Client) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer let me out"}).status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer let me in"}).status_code == 200


def test_docs_page_needs_neither_internet_nor_inline_script(client: Client) -> None:
    response = client.get("/api/v1/docs/")
    html = response.content.decode()
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert all(source.startswith("/static/") for source in sources)
    for source in sources:
        found = finders.find(source.removeprefix(settings.STATIC_URL))
        assert isinstance(found, str)
        assert Path(found).stat().st_size > 0
