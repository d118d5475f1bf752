"""Merging two members and taking it back by keyboard alone: in both languages, on a desktop and on a phone."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from members.models import Member
from tests.browser.conftest import SignIn, Visitor
from tests.browser.keyboard import WALKS, follow, reach
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

WORDS = {
    "en": {"merge…": "Merge…", "merge": "Merge", "unmerge": "Un-merge", "own": "is a member of its own again"},
    "zh-hans": {"merge…": "合并…", "merge": "合并", "unmerge": "取消合并", "own": "已恢复为独立会员"},
}


def looked_at(visitor: Visitor, name: str) -> None:
    assert [violation["id"] for violation in Axe().run(visitor.page).response["violations"]] == []
    assert visitor.overflow() <= 0
    assert visitor.complaints == []
    if folder := os.environ.get("SCREENSHOTS"):
        visitor.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@WALKS
def test_member_is_merged_and_unmerged_by_keyboard(
    sign_in: SignIn, workspace: str, language: str, width: int, dark: bool
) -> None:
    words = WORDS[language]
    with tenant_context(Tenant.objects.get(slug=workspace).pk):
        member = Member.objects.get(external_id="C0001")
        other = Member.objects.get(external_id="OLD-1")
    visitor = sign_in(language=language, width=width, dark=dark, again=True)
    page = visitor.page
    visitor.open(f"/w/{workspace}/admin/members/member/{member.pk}/change/")
    follow(page, page.get_by_role("link", name=words["merge…"]))
    looked_at(visitor, f"choose-{language}-{width}")
    follow(page, page.locator(f"a[href='?other={other.pk}']"))
    looked_at(visitor, f"preview-{language}-{width}")
    row = page.locator("tr").filter(has=page.locator("input[name='take city']"))
    reach(page, row.locator("input[value=survivor]"))
    page.keyboard.press("ArrowRight")
    expect(row.locator("input[value=other]")).to_be_checked()
    follow(page, page.get_by_role("button", name=words["merge"], exact=True))
    expect(page.get_by_text(member.last_name or "").first).to_be_visible()
    with tenant_context(Tenant.objects.get(slug=workspace).pk):
        other.refresh_from_db()
        merged = Member.objects.get(pk=member.pk)
        assert (other.merged_into_id, merged.city, merged.first_name) == (member.pk, "Boston", member.first_name)
    looked_at(visitor, f"merged-{language}-{width}")
    follow(page, page.get_by_role("link", name=words["unmerge"]).first)
    looked_at(visitor, f"unmerge-{language}-{width}")
    follow(page, page.get_by_role("button", name=words["unmerge"], exact=True))
    expect(page.get_by_text(words["own"])).to_be_visible()
    with tenant_context(Tenant.objects.get(slug=workspace).pk):
        other.refresh_from_db()
        again = Member.objects.get(pk=member.pk)
        assert (other.merged_into_id, again.city, again.first_name) == (None, member.city, member.first_name)


@pytest.mark.parametrize(
    ("workspace", "language", "width", "dark"),
    [("acme", "en", 1280, False), ("globex", "zh-hans", 390, True)],
    ids=["desktop-light-en", "phone-dark-zh"],
)
def test_duplicates_and_identities_are_shown(
    sign_in: SignIn, workspace: str, language: str, width: int, dark: bool
) -> None:
    visitor = sign_in(language=language, width=width, dark=dark, again=True)
    visitor.open(f"/w/{workspace}/admin/members/duplicatecandidate/")
    expect(visitor.page.get_by_text("person1@example.com")).to_be_visible()
    looked_at(visitor, f"duplicates-{language}")
    visitor.open(f"/w/{workspace}/admin/identities/")
    looked_at(visitor, f"identities-{language}")
