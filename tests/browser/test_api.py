"""What browsers make of the API: the documentation page, and a shop's page that sends events with a publishable key."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from members.models import InboxEntry
from tests.browser.conftest import Visitor
from tests.rest.client import make_key
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

_SEND = """
async ([url, key]) => {
  try {
    const answer = await fetch(url + "/api/v1/events", {
      method: "POST",
      headers: {"Authorization": "Bearer " + key, "Content-Type": "application/json"},
      body: JSON.stringify({anonymous_id: "v-1", name: "product_view"}),
    });
    return answer.status;
  } catch (error) {
    return "blocked";
  }
}
"""


class _Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Shop</title>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


@pytest.fixture
def shop(browser: Browser) -> Iterator[tuple[Page, str]]:
    """A page of another site, and its origin: to a browser localhost is not 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Blank)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://localhost:{server.server_port}"
    context = browser.new_context()
    page = context.new_page()
    page.goto(origin)
    yield page, origin
    context.close()
    server.shutdown()
    server.server_close()


def test_documentation_shows_every_room_without_complaint(browser: Browser, live_server_url: str) -> None:
    context = browser.new_context()
    visitor = Visitor(context, live_server_url)
    assert visitor.open("/api/v1/docs/") == 200
    for room in ("events", "members", "segments", "campaigns", "loyalty", "surveys", "kpis"):
        expect(visitor.page.locator(f"#operations-tag-{room}")).to_be_visible(timeout=30_000)
    visitor.page.get_by_text("Send events", exact=True).click()
    expect(visitor.page.get_by_text("Idempotency-Key").first).to_be_visible()
    assert visitor.complaints == []
    context.close()


def test_shop_page_may_send_events_from_its_own_origin_only(shop: tuple[Page, str], live_server_url: str) -> None:
    page, origin = shop
    tenant = Tenant.objects.order_by("pk")[0]
    allowed = make_key(tenant, kind="pk", allowed_origins=[origin])
    elsewhere = make_key(tenant, kind="pk", allowed_origins=["https://other.example"])
    assert page.evaluate(_SEND, [live_server_url, allowed]) == 202
    assert page.evaluate(_SEND, [live_server_url, elsewhere]) == "blocked"
    with tenant_context(tenant.pk):
        bodies = [entry.body for entry in InboxEntry.objects.all() if "product_view" in entry.body]
    assert len(bodies) == 1
