"""A real Chromium against a real gunicorn on the test database, with the showcase committed to it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from deploy.checks import NO_BROWSER, find_browser
from tests.conftest import PASSWORD, empty_all_tables
from tests.showcase import build_showcase
from urm.tenancy.models import User

# Without them a headless Chromium asks the network for things of its own (and, as root, does not start).
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OWNER = "owner@example.com"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def chromium_path() -> str:
    path = find_browser()
    if path is None:
        print(NO_BROWSER, file=sys.__stderr__, flush=True)
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail("No Chromium: browser tests must run where CI is set.")
        pytest.skip("NOT RUN: no Chromium was found on this machine.")
    return path


@pytest.fixture(scope="package")
def committed_showcase(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The two workspaces, visible to other processes; gone when the last browser test is over."""
    with django_db_blocker.unblock():
        build_showcase()
        yield
        empty_all_tables()


@pytest.fixture(scope="package")
def live_server_url(committed_showcase: None) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "DATABASE_URL": _url_of("default"),
        "DATABASE_OWNER_URL": _url_of("owner"),
        "PUBLIC_URL": url,
        "DEBUG": "false",
        "LOG_LEVEL": "WARNING",
        "SECRET_KEY": settings.SECRET_KEY,
        "EMAIL_URL": "smtp://127.0.0.1:9",  # nobody listens: a page must cope
    }
    command = [sys.executable, "-m", "gunicorn", "urm.wsgi:application", "--bind", f"127.0.0.1:{port}"]
    options = ["--workers", "1", "--threads", "4", "--access-logfile", os.devnull]
    server = subprocess.Popen([*command, *options], env=environment, cwd=settings.BASE_DIR)
    try:
        _wait_for(f"{url}/login/", server)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=10)


def _url_of(alias: str) -> str:
    config: dict[str, Any] = connections[alias].settings_dict
    user, password = quote(config["USER"], safe=""), quote(config["PASSWORD"], safe="")
    name = connections["owner"].settings_dict["NAME"]
    return f"postgres://{user}:{password}@{quote(config['HOST'], safe='')}:{config['PORT']}/{name}"


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, "gunicorn ended"
        with contextlib.suppress(OSError):  # not there yet, or busy
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    raise TimeoutError(f"{url} did not answer within a minute")


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with pytest.MonkeyPatch.context() as patch:
        # Playwright keeps an event loop running in this thread, which Django takes for an asynchronous caller.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as running:
            yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium_path: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
    yield browser
    browser.close()


class Visitor:
    """A signed-in person with a page, and everything that went wrong on it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text[:300])

    def open(self, path: str) -> int:
        answer = self.page.goto(self.url + path)
        assert answer is not None
        return answer.status

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        width = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return int(width)


SignIn = Callable[..., Visitor]


@pytest.fixture(scope="package")
def sessions(live_server_url: str) -> dict[str, Any]:
    """The session cookie of those who have signed in for a walk, by their e-mail address."""
    return {}


@pytest.fixture
def sign_in(browser: Browser, live_server_url: str, sessions: dict[str, Any]) -> Iterator[SignIn]:
    """sign_in(email, language="en", width=1280, dark=False) → Visitor

    `again` goes on with the session in which a walk before signed in: for those that leave the session alone.
    """
    contexts: list[BrowserContext] = []

    def enter(
        email: str = OWNER, *, language: str = "en", width: int = 1280, dark: bool = False, again: bool = False
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-US" if language == "en" else "zh-CN",
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.add_cookies([{"name": "language", "value": language, "url": live_server_url}])
        User.objects.filter(email=email).update(language="")  # of their own choice nothing is left
        visitor = Visitor(context, live_server_url)
        if again and email in sessions:
            context.add_cookies(sessions[email])
            return visitor
        visitor.open("/login/")
        visitor.page.fill("#id_username", email)
        visitor.page.fill("#id_password", PASSWORD)
        visitor.page.click("form.ui-form button")
        visitor.page.wait_for_url(lambda address: "/login/" not in address)
        if again:
            sessions[email] = [one for one in context.cookies() if one["name"] == settings.SESSION_COOKIE_NAME]
        return visitor

    yield enter
    for context in contexts:
        context.close()
