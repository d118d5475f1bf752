"""Why somebody is in a segment or not, by keyboard alone, from the segment's page and from the member's."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from segments.models import Segment
from tests.browser.conftest import SignIn
from tests.browser.keyboard import WALKS, reach
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

WORDS = {
    "en": {"why": "Why (not)?", "in": "in the segment", "met": "met", "not_met": "not met", "decided": "decided by"},
    "zh-hans": {
        "why": "为何（不）在其中？",
        "in": "在该人群中",
        "met": "满足",
        "not_met": "不满足",
        "decided": "决定事件",
    },
}


@WALKS
def test_reasons_are_found_by_keyboard(sign_in: SignIn, workspace: str, language: str, width: int, dark: bool) -> None:
    words = WORDS[language]
    visitor = sign_in(language=language, width=width, dark=dark, again=True)
    page = visitor.page
    with tenant_context(Tenant.objects.get(slug=workspace).pk):
        segment = Segment.objects.get(name="Lapsing big spenders").pk
    visitor.open(f"/w/{workspace}/admin/segments/segment/{segment}/change/")
    reach(page, page.get_by_role("link", name=words["why"]))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/why/$"))

    # Anybody is found by a piece of the id; the list says who is in.
    page.keyboard.press("/")
    page.keyboard.type("C00")
    page.keyboard.press("Enter")
    rows = page.locator(".ui-panel .ui-list li")
    expect(rows).to_have_count(20)
    inside = rows.filter(has=page.get_by_text(words["in"], exact=True)).first
    assert Axe().run(page).response["violations"] == []
    reach(page, inside.get_by_role("link"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\?member="))
    expect(page.locator(".ui-why strong").filter(has_text=re.compile(f"^{words['met']}$"))).to_have_count(2)
    expect(page.locator(".ui-why")).to_contain_text(words["decided"])
    assert Axe().run(page).response["violations"] == []
    assert visitor.overflow() == 0

    # The event that decided it stands first in the timeline it leads to.
    link = page.locator(".ui-why a").first
    name = link.text_content()
    reach(page, link)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/change/\?before=.*#timeline$"))
    expect(page.locator(".ui-timeline li").first).to_contain_text(name or "")
    assert visitor.complaints == []
