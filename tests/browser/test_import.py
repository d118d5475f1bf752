"""The import wizard by keyboard alone: file, columns, dry run, import, report, undo."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from members.models import Import, Member
from tests.browser.conftest import SignIn, Visitor
from tests.browser.keyboard import WALKS, choose, choose_file, press, reach
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

WORDS = {
    "en": {
        "upload": "Upload the file",
        "check": "Check the file",
        "import": "Import",
        "undo": "Undo the import",
        "sure": "Undo",
        "new": "New members",
        "done": "Done",
        "undone": "Undone",
        "problem": "Must be an e-mail address",
    },
    "zh-hans": {
        "upload": "上传文件",
        "check": "检查文件",
        "import": "导入",
        "undo": "撤销导入",
        "sure": "撤销",
        "new": "新会员",
        "done": "已完成",
        "undone": "已撤销",
        "problem": "邮",
    },
}


def accessible(visitor: Visitor) -> None:
    visitor.page.wait_for_load_state("load")
    violations = Axe().run(visitor.page).response["violations"]
    found = [(one["id"], [node["target"] for node in one["nodes"]]) for one in violations]
    assert (found, visitor.complaints, visitor.overflow()) == ([], [], 0)


def work_until(visitor: Visitor, tenant: Tenant, shown: Locator) -> None:
    """Do what a worker would, until the page, which asks by itself, shows what is expected."""
    for _ in range(60):
        drain(tenant.pk, names=["jobs"])
        if shown.is_visible():
            break
        visitor.page.wait_for_timeout(250)
    visitor.page.wait_for_timeout(1000)  # when the work is done, the page loads itself once more
    visitor.page.wait_for_load_state("networkidle")
    expect(shown).to_be_visible()


@WALKS
def test_file_is_imported_and_taken_back_by_keyboard(
    sign_in: SignIn, workspace: str, language: str, width: int, dark: bool
) -> None:
    words = WORDS[language]
    tenant = Tenant.objects.get(slug=workspace)
    visitor = sign_in(f"marketer@{workspace}.example.com", language=language, width=width, dark=dark, again=True)
    page = visitor.page
    visitor.open(f"/w/{workspace}/admin/members/import/add/")
    accessible(visitor)
    content = f"会员编号,邮箱,喜好\nwalk-{width},walk{width}@example.com,茶\nwalk-x,nobody,茶\n".encode("gb18030")
    file = {"name": f"walk-{width}.csv", "mimeType": "text/csv", "buffer": content}
    choose_file(page, page.locator("input[type=file]"), file)
    press(page, page.get_by_role("button", name=words["upload"]))
    page.wait_for_url("**/mapping/")
    accessible(visitor)
    choose(page, page.locator("#id_target_2"), "new attribute")
    expect(page.locator("#id_name_2")).to_be_visible()
    reach(page, page.locator("#id_name_2"))
    page.keyboard.press("Control+a")
    page.keyboard.type("likes")
    press(page, page.get_by_role("button", name=words["check"]))
    page.wait_for_url("**/change/")
    expect(page.locator("progress")).to_be_visible()
    accessible(visitor)
    work_until(visitor, tenant, page.get_by_text(words["problem"]).first)
    accessible(visitor)
    press(page, page.locator("main, #content").get_by_role("button", name=words["import"], exact=True))
    press(page, page.locator("#import-run .ui-button-primary"))
    work_until(visitor, tenant, page.locator(".ui-big", has_text=words["done"]))
    accessible(visitor)
    with tenant_context(tenant.pk):
        assert Member.objects.get(external_id=f"walk-{width}").attributes == {"likes": "茶"}
    press(page, page.get_by_role("button", name=words["undo"]))
    press(page, page.locator("#import-undo .ui-button-danger"))
    work_until(visitor, tenant, page.locator(".ui-big", has_text=words["undone"]))
    accessible(visitor)
    with tenant_context(tenant.pk):
        assert not Member.objects.filter(external_id=f"walk-{width}").exists()
        assert Import.objects.filter(name=f"walk-{width}.csv", state="undone").count() == 1
