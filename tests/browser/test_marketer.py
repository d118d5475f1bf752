"""A marketer's way through the house, in both languages, at a desk and on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn, Visitor
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

RULE = '{"version": 1, "all": [{"fact": "attribute", "name": "drink", "op": "eq", "value": "tea"}]}'
BROKEN_RULE = '{"version": 1, "all": [{"fact": "atribute", "name": "drink", "op": "eq", "value": "tea"}]}'
WORDS = {
    "en": {"save": "Save", "edit": "Edit", "segments": "Segments", "make": "Make a segment"},
    "zh-hans": {"save": "保存", "edit": "编辑", "segments": "人群", "make": "新建人群"},
}


def go(visitor: Visitor, title: str) -> None:
    """Through the sidebar, which a phone keeps behind a button."""
    entry = visitor.page.locator(".ui-sidebar").get_by_role("link", name=title, exact=True)
    if not entry.is_visible():
        visitor.page.locator(".ui-only-narrow[aria-expanded]").click()
    with visitor.page.expect_navigation():
        entry.click()


@pytest.mark.parametrize(
    ("workspace", "language", "width", "dark", "search", "found"),
    [
        ("acme", "en", 1280, False, "love", "Ada Lovelace"),
        ("globex", "zh-hans", 390, True, "王小", "王小明"),
        ("globex", "zh-hans", 1280, False, "小明", "王小明"),
        ("acme", "en", 390, True, "person0@", "Ada Lovelace"),
    ],
    ids=["en-desktop-light", "zh-phone-dark", "zh-desktop-light", "en-phone-dark"],
)
def test_marketer_finds_somebody_sees_why_and_makes_a_segment(
    sign_in: SignIn, workspace: str, language: str, width: int, dark: bool, search: str, found: str
) -> None:
    words = WORDS[language]
    visitor = sign_in(f"marketer@{workspace}.example.com", language=language, width=width, dark=dark)
    page = visitor.page

    # One workspace: straight in. Find somebody by a piece of a name.
    page.wait_for_url(re.compile(f"/w/{workspace}/admin/"))
    go(visitor, "Members" if language == "en" else "会员")
    page.keyboard.press("/")
    page.keyboard.type(search)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\?q="))
    page.get_by_role("link", name=found).last.click()
    expect(page.get_by_role("heading", level=2, name=found)).to_be_visible()

    # Tag them, and take the tag off again.
    tag = f"walk-{language}-{width}"
    page.fill("#member-tag", tag)
    page.locator(".ui-inline-form button").click()
    chip = page.locator(".ui-chip", has_text=tag)
    expect(chip).to_have_count(1)
    chip.get_by_role("button").click()
    expect(page.locator(".ui-chip", has_text=tag)).to_have_count(0)

    # Why are they in a segment?
    why = page.locator("details[data-ui-load]").first
    why.locator("summary").click()
    expect(why.locator(".ui-why")).to_contain_text(found)

    # A segment of one's own: what is wrong is said with its place, then the count follows the rule.
    go(visitor, words["segments"])
    page.locator(".addlink").click()
    name = f"Tea drinkers {language} {width}"
    page.fill("[name=name]", name)
    expect(page.locator(".rb-tree")).to_be_visible()  # the builder has taken its place, the JSON is folded away
    page.locator("summary", has_text="JSON").click()
    page.fill("[data-rule]", BROKEN_RULE)
    expect(page.locator("[data-rule-problems]")).to_contain_text("all[0]")
    page.fill("[data-rule]", RULE)
    expect(page.locator("[data-rule-count]")).to_have_text("27")
    page.get_by_role("button", name=words["save"], exact=True).click()
    expect(page.locator(".ui-panel-title").first).to_have_text(name)

    # Change its words.
    page.get_by_role("link", name=words["edit"]).click()
    page.fill("[name=description]", "They like it hot")
    page.get_by_role("button", name=words["save"], exact=True).click()
    expect(page.get_by_text("They like it hot")).to_be_visible()
    assert visitor.overflow() == 0
    assert visitor.complaints == []


def test_keyboard_alone_goes_everywhere(sign_in: SignIn) -> None:
    visitor = sign_in()
    page = visitor.page
    visitor.open("/w/acme/admin/")
    page.keyboard.press("Tab")
    expect(page.locator(".ui-skip")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url(re.compile("/segments/segment/$"))
    page.keyboard.press("?")
    expect(page.locator("#ui-shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#ui-shortcuts")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url(re.compile("/members/member/$"))


def test_appearance_language_and_workspace_are_switched_and_remembered(sign_in: SignIn) -> None:
    visitor = sign_in("owner@example.com")
    page = visitor.page
    visitor.open("/w/acme/admin/members/member/")
    page.get_by_role("button", name="Account, appearance and language").click()
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("h1")).to_contain_text("会员")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.get_by_role("button", name="切换工作区").click()
    page.locator("#ui-workspaces").get_by_role("link", name="Globex").click()
    page.wait_for_url(re.compile("/w/globex/admin/"))
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    visitor.open("/w/globex/admin/")
    page.get_by_role("button", name="账号、外观与语言").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_contain_text("Home")
    assert visitor.complaints == []


def test_erasing_a_member_asks_first(sign_in: SignIn) -> None:
    visitor = sign_in("admin@acme.example.com")
    page = visitor.page
    with tenant_context(Tenant.objects.get(slug="acme").pk):
        from members.models import Member  # noqa: PLC0415 - needs the tenant's context only here

        member = Member.objects.get(external_id="C0039")
    visitor.open(f"/w/acme/admin/members/member/{member.pk}/change/")
    page.get_by_role("button", name="Erase this member").click()
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator("#erase-dialog")).to_be_hidden()
    page.get_by_role("button", name="Erase this member").click()
    page.get_by_role("button", name="Erase for good").click()
    page.wait_for_url(re.compile("/members/member/$"))
    expect(page.get_by_role("status")).to_contain_text("The erasure is under way")


def test_new_key_is_shown_once_and_can_be_revoked(sign_in: SignIn) -> None:
    visitor = sign_in("admin@acme.example.com")
    page = visitor.page
    visitor.open("/w/acme/admin/tenancy/apikey/add/")
    page.fill("[name=name]", "Till")
    page.check("[name=scopes][value='members.view']")
    page.get_by_role("button", name="Save", exact=True).click()
    token = page.locator("#ui-token").input_value()
    assert re.fullmatch(r"sk_[\w-]{43}", token)
    page.get_by_role("link", name="I have it").click()
    page.get_by_role("link", name="Till").click()
    assert token not in page.content()
    page.get_by_role("button", name="Revoke this key").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("is revoked")
    assert visitor.complaints == []
