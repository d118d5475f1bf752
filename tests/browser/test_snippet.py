"""urm.js in a real Chromium, on a page of another origin, against the real API: every event in the log exactly once."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from members.models import Event, EventName, Identity, Member
from tests.rest.client import make_key
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

# Nothing inline, no eval, nothing of its own.
STRICT = "default-src 'none'; script-src {urm}; connect-src {urm}; img-src data:"


class _Shop(BaseHTTPRequestHandler):
    """`/` has urm.js as a data-attribute tag, `/consent` and `/csp` too, `/left` is a page without it."""

    urm = key = ""
    tags = {"/consent": 'data-consent="required"', "/csp": "", "/": ""}

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        options = self.tags.get(path, "")
        tag = f'<script async src="{self.urm}/js/v1/urm.js" data-key="{self.key}" {options}></script>'
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if path == "/csp":
            self.send_header("Content-Security-Policy", STRICT.format(urm=self.urm))
        self.end_headers()
        head = '<link rel="icon" href="data:,">' + ("" if path == "/left" else tag)
        self.wfile.write(f"<!doctype html><title>鞋 Shoes</title>{head}<p>Shop</p>".encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


@dataclass
class Shop:
    origin: str
    tenant: Tenant
    browser: Browser
    contexts: list[BrowserContext]

    def visitor(self, script: str = "", **options: Any) -> Page:
        context = self.browser.new_context(**options)
        context.set_default_timeout(15_000)
        if script:
            context.add_init_script(script)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page

    def open(self, page: Page, path: str = "/") -> None:
        page.goto(self.origin + path)
        self.until(lambda: page.evaluate("typeof urm === 'function' && !urm.q"))

    def events(self, visitor_id: str) -> list[tuple[str, dict[str, Any]]]:
        """The log of a visitor, oldest first, without what the platform adds."""
        drain(self.tenant.pk, names=["stream"])
        with tenant_context(self.tenant.pk):
            names = dict(EventName.objects.values_list("id", "name"))
            who = Identity.objects.filter(kind="anonymous_id", value=visitor_id).values_list("member_id", flat=True)
            found = Event.objects.filter(member_id__in=list(who)).order_by("occurred_at", "id")
            rows = [(names[event.name_id], event.properties) for event in found]
        return [row for row in rows if not row[0].startswith("urm.")]

    def settled(self, visitor_id: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        """The log once it holds that many events; a little later it must still hold no more."""
        self.until(lambda: len(self.events(visitor_id)) >= count)
        return self.events(visitor_id)

    @staticmethod
    def until(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 15
        while not holds():
            assert time.monotonic() < end, "nothing came within 15 s"
            time.sleep(0.1)


@pytest.fixture
def shop(browser: Browser, live_server_url: str) -> Iterator[Shop]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://localhost:{server.server_port}"  # to a browser localhost is not 127.0.0.1
    tenant = Tenant.objects.order_by("pk")[0]
    _Shop.urm, _Shop.key = live_server_url, make_key(tenant, kind="pk", allowed_origins=[origin])
    made = Shop(origin, tenant, browser, [])
    yield made
    for context in made.contexts:
        context.close()
    server.shutdown()
    server.server_close()


def queue_is_empty(page: Page) -> None:
    Shop.until(lambda: page.evaluate("localStorage.getItem('urm.queue') === '[]'"))  # its polling would need eval


def test_pages_tracks_and_identity_arrive_once_with_their_origin(shop: Shop) -> None:
    page = shop.visitor()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    shop.open(page, "/?utm_source=newsletter&utm_campaign=spring&src=QR1&secret=x")
    page.evaluate("history.pushState({}, '', '/shoes?secret=x')")
    page.wait_for_timeout(50)
    page.evaluate("urm('track', 'product_view', {sku: 'A1'})")
    page.evaluate("urm('identify', 'web-1', {first_name: 'Ada', nonsense: 1})")
    page.evaluate("urm('track', 'search', {words: '靴子'})")
    visitor = page.evaluate("urm('id')")
    queue_is_empty(page)
    touch = {"utm_source": "newsletter", "utm_campaign": "spring", "src": "QR1", "landing_page": "/"}
    title = {"title": "鞋 Shoes"}
    assert shop.settled(visitor, 4) == [
        ("page_view", {"path": "/", **title, **touch, "first_touch": touch}),
        ("page_view", {"path": "/shoes", **title, **touch}),
        ("product_view", {"path": "/shoes", "sku": "A1", **touch}),
        ("search", {"path": "/shoes", "words": "靴子", **touch}),
    ]
    with tenant_context(shop.tenant.pk):
        member = Member.objects.get(external_id="web-1")
        assert (member.first_name, member.identities.filter(value=visitor).count()) == ("Ada", 1)
    assert complaints == []


def test_what_happens_offline_arrives_once_later(shop: Shop) -> None:
    page = shop.visitor()
    shop.open(page)
    visitor = page.evaluate("urm('id')")
    queue_is_empty(page)
    page.context.set_offline(True)
    page.evaluate("for (let n = 0; n < 60; n++) urm('track', 'offline', {n})")
    page.wait_for_timeout(1500)  # it tries, and fails
    assert len(shop.events(visitor)) == 1
    page.context.set_offline(False)
    queue_is_empty(page)
    numbers = [properties["n"] for name, properties in shop.settled(visitor, 61) if name == "offline"]
    assert numbers == list(range(60))


def test_failing_server_is_asked_again(shop: Shop) -> None:
    page = shop.visitor()
    answers: list[int] = []

    def answer(route: Any) -> None:
        answers.append(len(answers))
        if len(answers) == 1:
            route.fulfill(status=503, body="")
        elif len(answers) == 2:
            route.fetch()  # taken, but the answer is lost on the way
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/collect", answer)
    shop.open(page)
    visitor = page.evaluate("urm('id')")
    queue_is_empty(page)
    assert [name for name, _properties in shop.settled(visitor, 1)] == ["page_view"]
    assert len(answers) == 3


def test_leaving_hands_over_events_and_seconds_by_beacon(shop: Shop) -> None:
    page = shop.visitor()
    shop.open(page)
    visitor = page.evaluate("urm('id')")
    page.mouse.move(50, 50)
    page.wait_for_timeout(2500)
    queue_is_empty(page)
    page.evaluate("urm('track', 'last_words')")
    page.goto(shop.origin + "/left")
    left = shop.settled(visitor, 3)
    assert [name for name, _properties in left] == ["page_view", "last_words", "time_spent"]
    assert left[2][1]["seconds"] in {2, 3}
    shop.open(page)  # the queue kept them, and sends them again: the log must not
    queue_is_empty(page)
    names = [name for name, _properties in shop.settled(visitor, 4)]
    assert sorted(set(names)) == ["last_words", "page_view", "time_spent"]
    assert (names.count("last_words"), names.count("page_view")) == (1, 2)


@pytest.mark.parametrize("signal", ["doNotTrack: {get: () => '1'}", "globalPrivacyControl: {get: () => true}"])
def test_do_not_track_stores_and_sends_nothing(shop: Shop, signal: str) -> None:
    page = shop.visitor(f"Object.defineProperties(navigator, {{{signal}}})")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    shop.open(page)
    page.evaluate("urm('track', 'x'); urm('identify', 'dnt-1'); urm('page')")
    assert page.evaluate("urm('id')") is None
    page.goto(shop.origin + "/left")
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert [url for url in requests if "/api/" in url] == []


def test_nothing_happens_before_consent_and_after_its_withdrawal(shop: Shop) -> None:
    page = shop.visitor()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    shop.open(page, "/consent?utm_source=ad")
    page.evaluate("urm('track', 'before'); urm('identify', 'early')")
    page.wait_for_timeout(1200)
    assert (page.evaluate("localStorage.length"), [url for url in requests if "/api/" in url]) == (0, [])
    page.evaluate("urm('consent', true)")
    visitor = page.evaluate("urm('id')")
    queue_is_empty(page)
    [(name, properties)] = shop.settled(visitor, 1)
    assert (name, properties["utm_source"]) == ("page_view", "ad")
    shop.open(page, "/consent")
    queue_is_empty(page)
    views = [name for name, _properties in shop.settled(visitor, 2) if name == "page_view"]
    assert len(views) == 2  # the answer was remembered
    page.evaluate("urm('track', 'unsent'); urm('consent', false); urm('track', 'after')")
    page.goto(shop.origin + "/left")
    assert page.evaluate("JSON.stringify(localStorage)") == '{"urm.consent":"\\"no\\""}'
    assert "unsent" not in [name for name, _properties in shop.events(visitor)]


def test_strict_policy_of_the_page_is_enough(shop: Shop) -> None:
    page = shop.visitor()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    shop.open(page, "/csp")
    queue_is_empty(page)
    visitor = page.evaluate("urm('id')")
    assert [name for name, _properties in shop.settled(visitor, 1)] == ["page_view"]
    assert complaints == []


def test_commands_before_the_script_is_there_are_kept(shop: Shop) -> None:
    stub = "window.urm = window.urm || function () { (urm.q = urm.q || []).push(arguments) }; urm('track', 'early');"
    page = shop.visitor(stub)
    shop.open(page)
    visitor = page.evaluate("urm('id')")
    queue_is_empty(page)
    assert [name for name, _properties in shop.settled(visitor, 2)] == ["page_view", "early"]


def test_somebody_else_at_the_same_device_is_another_visitor(shop: Shop) -> None:
    page = shop.visitor()
    shop.open(page)
    first = page.evaluate("urm('identify', 'web-a'); urm('id')")
    second = page.evaluate("urm('identify', 'web-b'); urm('track', 'mine'); urm('id')")
    third = page.evaluate("urm('reset'); urm('id')")
    queue_is_empty(page)
    assert len({first, second, third}) == 3
    assert [name for name, _properties in shop.settled(first, 1)] == ["page_view"]
    assert [name for name, _properties in shop.settled(second, 1)] == ["mine"]
