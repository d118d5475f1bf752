"""The rule builder in a real browser: by keyboard alone, by pointer, and together with its JSON."""

import json
import re
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from segments.queries.trial import try_rule
from tests.browser.conftest import SignIn, Visitor
from tests.browser.keyboard import WALKS, choose, reach
from urm.rules.workspace import current_names
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

BOUGHT = {"fact": "event", "name": "purchase", "measure": "count", "op": "gte", "value": 3, "window": {"days": 90}}
NOT_VIP = {"not": {"fact": "tag", "name": "VIP", "op": "is_true"}}
RULE: dict[str, Any] = {"version": 1, "all": [BOUGHT, NOT_VIP]}
WORDS = {
    "en": {
        "problem": "expected a number",
        "meet": "{} meet it",
        "moved": "Moved to place 2 of 2",
        "reading": "bought at least 3 times in the last 90 days, and does not have the tag VIP",
    },
    "zh-hans": {
        "problem": "应为最多 40 位的数字",
        "meet": "{} 人符合",
        "moved": "已移动 到第 2 位，共 2 位",
        "reading": "最近 90 天购买次数不少于 3，且没有标签 VIP",
    },
}


def field(page: Page, item: int, name: str) -> Locator:
    """A field of a condition, by what the checker calls it."""
    return page.locator(".rb-leaf").nth(item).locator(f"[data-field='{name}']")


def written(page: Page) -> Any:
    return json.loads(page.locator("[data-rule]").input_value())


def violations(page: Page) -> list[Any]:
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["target"] for node in one["nodes"][:3]]) for one in found]


def new_segment(visitor: Visitor, workspace: str = "acme") -> Page:
    visitor.open(f"/w/{workspace}/admin/segments/segment/add/")
    expect(visitor.page.locator(".rb-tree")).to_be_visible()
    return visitor.page


@WALKS
def test_rule_is_built_broken_and_mended_by_keyboard(
    sign_in: SignIn, workspace: str, language: str, width: int, dark: bool
) -> None:
    words, name = WORDS[language], f"Regulars at {width}"
    visitor = sign_in(language=language, width=width, dark=dark, again=True)
    page = new_segment(visitor, workspace)
    reach(page, page.locator("[name=name]"))
    page.keyboard.insert_text(name)

    # Bought at least three times in the last 90 days.
    reach(page, page.locator(".rb-tree > .rb-foot button").first)
    page.keyboard.press("Enter")
    expect(field(page, 0, "fact")).to_be_focused()
    choose(page, field(page, 0, "fact"), "event")
    reach(page, field(page, 0, "name"))
    choose(page, field(page, 0, "name"), "purchase")
    reach(page, field(page, 0, "value"))
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    reach(page, field(page, 0, "window"))
    choose(page, field(page, 0, "window"), "days")
    reach(page, field(page, 0, "window.days"))
    page.keyboard.press("Control+a")
    page.keyboard.type("90")

    # And without the tag: found by typing, turned round with “n” on the handle.
    reach(page, page.locator(".rb-tree > .rb-foot button").first)
    page.keyboard.press("Enter")
    choose(page, field(page, 1, "fact"), "tag")
    reach(page, field(page, 1, "name"))
    if field(page, 1, "name").get_attribute("role") == "combobox":
        page.keyboard.type("VIP")
        expect(page.get_by_role("option", name="VIP", exact=True)).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    else:
        choose(page, field(page, 1, "name"), "VIP")
    handle = page.locator(".rb-leaf").nth(1).locator("[data-handle]")
    reach(page, handle, back=True)
    page.keyboard.press("n")
    expect(page.locator(".rb-leaf").nth(1).locator(".rb-not")).to_have_attribute("aria-pressed", "true")
    assert written(page) == RULE

    # The count, what each lets through and the reading follow.
    with tenant_context(Tenant.objects.get(slug=workspace).pk):
        trial = try_rule(RULE, names=current_names())
    expect(page.locator("[data-rule-count]")).to_have_text(str(trial.count))
    assert 0 < trial.count < trial.everybody
    for item in (0, 1):
        expect(page.locator(".rb-leaf").nth(item).locator("[data-share]")).to_contain_text(
            words["meet"].format(trial.parts[item + 1].alone)
        )
    expect(page.locator(f"[data-rule-words={language}]")).to_have_text(words["reading"])
    expect(page.locator("[data-rule-sample] li")).to_have_count(min(10, trial.count))

    # Moving keeps the focus and is announced; so is what cannot be moved.
    reach(page, page.locator(".rb-leaf").first.locator("[data-handle]"), back=True)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-rule-live]")).to_have_text(words["moved"])
    expect(page.locator(".rb-leaf").nth(1).locator("[data-handle]")).to_be_focused()
    assert written(page)["all"] == [NOT_VIP, BOUGHT]
    page.keyboard.press("Control+z")
    assert written(page) == RULE

    # Broken: the very field says so, and mended it is gone.
    reach(page, field(page, 0, "value"), back=True)
    page.keyboard.press("End")
    page.keyboard.type("x")
    problem = page.locator(".rb-leaf").first.locator(".rb-problems")
    expect(problem).to_contain_text(words["problem"])
    expect(field(page, 0, "value")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[data-rule-count]")).to_have_text("–")
    assert violations(page) == []
    page.keyboard.press("Backspace")
    expect(problem).to_be_hidden()
    expect(page.locator("[data-rule-count]")).to_have_text(str(trial.count))
    assert (visitor.overflow(), visitor.complaints) == (0, [])

    reach(page, page.locator("form.ui-editor button.ui-button-primary"))
    page.keyboard.press("Enter")
    expect(page.locator(".ui-panel-title").first).to_have_text(name)


def test_parts_are_dragged_copied_and_undone(sign_in: SignIn) -> None:
    visitor = sign_in()
    page = new_segment(visitor)
    page.locator("summary", has_text="JSON").click()
    page.fill("[data-rule]", json.dumps({"version": 1, "all": [BOUGHT, NOT_VIP, {"any": [NOT_VIP]}]}))
    expect(page.locator(".rb-leaf")).to_have_count(3)

    # With the pointer: the first condition into the group.
    page.locator("[data-handle]").first.hover()
    page.mouse.down()
    page.locator(".rb-list .rb-group > .rb-foot").hover()
    page.mouse.up()
    assert written(page)["all"] == [NOT_VIP, {"any": [NOT_VIP, BOUGHT]}]
    page.locator("[data-rule-undo]").click()
    assert written(page)["all"] == [BOUGHT, NOT_VIP, {"any": [NOT_VIP]}]
    page.locator("[data-rule-redo]").click()
    assert written(page)["all"] == [NOT_VIP, {"any": [NOT_VIP, BOUGHT]}]

    # With the keyboard: out of the group, copied, pasted below, duplicated, removed, wrapped.
    handle = page.locator(".rb-list .rb-list [data-handle]").last
    handle.focus()
    page.keyboard.press("ArrowLeft")
    assert written(page)["all"] == [NOT_VIP, {"any": [NOT_VIP]}, BOUGHT]
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    assert written(page)["all"] == [NOT_VIP, {"any": [NOT_VIP]}, BOUGHT, BOUGHT]
    page.keyboard.press("Delete")
    page.keyboard.press("d")
    page.keyboard.press("Delete")
    page.keyboard.press("w")
    assert written(page)["all"] == [NOT_VIP, {"any": [NOT_VIP]}, {"any": [BOUGHT]}]
    page.keyboard.press("ArrowLeft")
    assert written(page)["all"] == [NOT_VIP, {"any": [NOT_VIP]}, {"any": []}, BOUGHT]
    page.keyboard.press("ArrowRight")
    assert written(page)["all"] == [NOT_VIP, {"any": [NOT_VIP]}, {"any": [BOUGHT]}]
    assert visitor.complaints == []


def test_every_number_and_unknown_key_survives_the_builder(sign_in: SignIn) -> None:
    """What the builder does not understand it keeps; a single condition stays without a group."""
    page = new_segment(sign_in())
    page.locator("summary", has_text="JSON").click()
    text = (
        '{"version": 1, "fact": "event", "name": ["purchase"], "measure": "sum:amount", "op": "gte",'
        ' "value": 123456789012345678.25, "where": {"prop": "store", "op": "eq", "value": "Harbour"}, "odd": [1]}'
    )
    page.fill("[data-rule]", text)
    expect(page.locator(".rb-problems").filter(has_text="odd")).to_be_visible()
    expect(page.locator(".rb-where .rb-leaf [data-field=prop]")).to_have_value("store")
    page.locator("[data-rule-canvas] > .rb-tree > .rb-list > .rb-leaf > .rb-line .rb-not").click()
    assert re.sub(r"\s+", "", page.locator("[data-rule]").input_value()) == re.sub(
        r"\s+", "", text.replace('"version": 1, ', '"version": 1, "not": {') + "}"
    )


def test_where_and_its_suggestions(sign_in: SignIn) -> None:
    visitor = sign_in()
    page = new_segment(visitor)
    page.locator("summary", has_text="JSON").click()
    page.fill("[data-rule]", json.dumps({"version": 1, "all": [BOUGHT]}))
    page.get_by_role("button", name="+ only those with").click()
    prop = page.locator(".rb-where [data-field=prop]")
    prop.fill("sto")
    page.get_by_role("option", name="store").click()
    expect(page.locator(".rb-where [data-key$=':kind']")).to_have_value("text")
    value = page.locator(".rb-where [data-field=value]")
    value.fill("h")
    page.get_by_role("option", name="Harbour").click()
    where = {"prop": "store", "op": "eq", "value": "Harbour"}
    assert written(page) == {"version": 1, "all": [{**BOUGHT, "where": where}]}
    page.locator(".rb-where .rb-foot button").first.click()
    assert written(page)["all"][0]["where"] == {"all": [where, {"prop": "amount", "op": "gte", "value": 1}]}
    expect(page.locator("[data-rule-count]")).not_to_have_text("…")
    page.locator(".rb-where .rb-leaf").nth(1).locator("[data-field=value]").fill("much")
    expect(page.locator(".rb-where .rb-leaf").nth(1).locator(".rb-problems")).to_contain_text("expected a number")
    assert (violations(page), visitor.complaints) == ([], [])


def test_template_fills_the_rule_and_stage_and_tag_rule_have_the_builder_too(sign_in: SignIn) -> None:
    visitor = sign_in()
    page = new_segment(visitor)
    page.get_by_role("button", name="Bought once only").click()
    once = {"fact": "event", "name": "purchase", "measure": "count", "op": "eq", "value": 1}
    assert written(page) == {"version": 1, "all": [once]}
    for path in ("tagrule/", "stage/"):
        visitor.open(f"/w/acme/admin/segments/{path}")
        page.locator("#result_list a, .result-list a, table a[href*='change']").first.click()
        expect(page.locator(".rb-tree .rb-leaf").first).to_be_visible()
        expect(page.locator("[data-rule-count]")).to_have_text(re.compile(r"^\d+$"))
    assert visitor.complaints == []
