"""“Confirm it is you”, by keyboard, at a desk and on a phone, in both languages."""

import importlib
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings

from tests.browser.conftest import SignIn, Visitor
from tests.conftest import PASSWORD


def let_time_pass(visitor: Visitor) -> None:
    """The password was entered an hour ago."""
    cookies = {cookie["name"]: cookie["value"] for cookie in visitor.context.cookies()}
    engine = importlib.import_module(settings.SESSION_ENGINE)
    session = engine.SessionStore(session_key=cookies[settings.SESSION_COOKIE_NAME])
    session["confirmed_at"] = int(time.time()) - 3600
    session.save()


@pytest.mark.parametrize(
    ("workspace", "language", "width", "title", "wrong"),
    [
        ("acme", "en", 1280, "Confirm it is you", "That is not the password of this account."),
        ("globex", "zh-hans", 390, "请确认是您本人", "这不是该账号的密码。"),
    ],
    ids=["desktop-en", "phone-zh"],
)
def test_new_key_asks_for_the_password_and_goes_on(
    sign_in: SignIn, workspace: str, language: str, width: int, title: str, wrong: str
) -> None:
    visitor = sign_in(language=language, width=width, dark=width < 500)
    address = f"/w/{workspace}/admin/tenancy/apikey/add/"
    let_time_pass(visitor)
    visitor.open(address)
    page = visitor.page
    assert page.locator("h1").inner_text() == title
    assert Axe().run(page).response["violations"] == []
    assert visitor.overflow() <= 0
    assert page.evaluate("document.activeElement.id") == "id_password"
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    page.get_by_text(wrong).wait_for()
    assert Axe().run(page).response["violations"] == []
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.endswith(address))
    assert page.locator("#id_name").count() == 1
    assert visitor.complaints == []


def test_erasure_does_nothing_before_and_says_so(sign_in: SignIn) -> None:
    visitor = sign_in()
    page = visitor.page
    visitor.open("/w/acme/admin/members/member/")
    page.locator("#result_list tbody a").first.click()
    page.wait_for_url("**/change/")
    here = page.url
    let_time_pass(visitor)
    page.evaluate("document.querySelector('form[action$=\"/erase/\"]').submit()")
    page.wait_for_url("**/confirm/**")
    assert "Nothing was done yet." in page.locator("main").inner_text()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(here)
    assert page.locator('form[action$="/erase/"]').count() == 1
