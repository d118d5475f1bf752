"""The public survey page as members meet it: by link alone, on a phone, by keyboard, without script."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from feedback.actions import link_of
from feedback.models import Invitation, Response, Survey
from members.models import Member
from tests.browser.conftest import Visitor
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant


@pytest.fixture
def visitor(browser: Browser, live_server_url: str) -> Iterator[Visitor]:
    """Nobody who has signed in, with a small phone."""
    context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme="dark", reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield Visitor(context, live_server_url)
    context.close()


@pytest.fixture
def scriptless(browser: Browser, live_server_url: str) -> Iterator[Visitor]:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(15_000)
    yield Visitor(context, live_server_url)
    context.close()


def path_for(workspace: str, position: int) -> str:
    """The link of the invitation at that position, in its own workspace."""
    tenant = Tenant.objects.get(slug=workspace)
    with tenant_context(tenant.pk):
        return urlsplit(link_of(Invitation.objects.order_by("pk")[position])).path


def violations(page: Page) -> list[tuple[str, list[str]]]:
    found = Axe().run(page).response["violations"]
    return [(one["id"], [str(node["target"]) for node in one["nodes"][:3]]) for one in found]


@pytest.mark.parametrize(("workspace", "language"), [("acme", "en"), ("globex", "zh-hans")])
def test_survey_is_accessible_quiet_and_fits_a_small_phone(visitor: Visitor, workspace: str, language: str) -> None:
    path = path_for(workspace, 0)
    for address in (path, f"{path}thanks/", f"{path}stop/", "/s/forged/"):
        visitor.open(f"{address}?lang={language}")
        assert visitor.overflow() == 0, address
        assert violations(visitor.page) == [], address
        assert visitor.page.locator("html").get_attribute("lang") == language
    assert [text for text in visitor.complaints if "404" not in text] == []


def test_survey_is_answered_by_keyboard(visitor: Visitor) -> None:
    visitor.open(f"{path_for('acme', 1)}?lang=en")
    page = visitor.page
    page.get_by_role("radio", name="9", exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.get_by_role("textbox").focus()
    page.keyboard.type("Thank you <script>alert(1)</script>")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/thanks/**")
    assert page.get_by_role("heading", level=1).inner_text() == "Thank you"
    with tenant_context(Tenant.objects.get(slug="acme").pk):
        invitation = Invitation.objects.order_by("pk")[1]
        response = Response.objects.get(invitation=invitation)
        assert (response.nps, response.member_id) == (9, invitation.member_id)


def test_survey_works_without_script_and_names_what_is_missing(scriptless: Visitor) -> None:
    scriptless.open(f"{path_for('acme', 2)}?lang=en")
    page = scriptless.page
    page.get_by_role("button", name="Send answers").click()
    assert page.get_by_role("alert").count() == 1
    page.get_by_role("alert").get_by_role("link").first.click()
    page.get_by_role("group", name="How likely are you to recommend us?").get_by_label("6", exact=True).check()
    page.get_by_role("button", name="Send answers").click()
    page.wait_for_url("**/thanks/**")
    with tenant_context(Tenant.objects.get(slug="acme").pk):
        assert Response.objects.get(invitation=Invitation.objects.order_by("pk")[2]).nps == 6


def test_one_click_stop_takes_consent_back(scriptless: Visitor) -> None:
    scriptless.open(f"{path_for('acme', 3)}stop/?lang=en")
    scriptless.page.get_by_role("button", name="Stop these e-mails").click()
    assert scriptless.page.get_by_role("heading", level=1).inner_text() == "Done"
    with tenant_context(Tenant.objects.get(slug="acme").pk):
        member = Member.objects.get(pk=Invitation.objects.order_by("pk")[3].member_id)
        assert [one.granted for one in member.consents.filter(channel="email", purpose="marketing")] == [False]
        assert Survey.objects.count() == 2
