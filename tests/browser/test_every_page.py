"""Every page of the admin in a real browser: accessible, quiet, within its window, in the reader's language."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from members.models import Import
from tests.browser.conftest import SignIn, Visitor
from tests.ui.addresses import Address, admin_addresses
from tests.ui.test_pages import first_row
from tests.ui.translations import translated
from urm.jobs.models import Job
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

OUTSIDE = ["/", "/login/", "/password/", "/password/none/none/", "/w/acme/admin/no-such-page/"]


def room(address: Address) -> str:
    """The app whose page it is; what belongs to none is "home"."""
    return address.model._meta.app_label if address.model else "home"


# A test a room, so that processes share the work.
rooms = pytest.mark.parametrize("app", sorted({room(address) for address in admin_addresses()}))


def pages(workspace: str, app: str) -> list[str]:
    tenant = Tenant.objects.get(slug=workspace)
    paths = [
        address.path(workspace, first_row(address.model, tenant) if address.model else None)
        for address in admin_addresses()
        if room(address) == app and address.name != "key_revoke"
    ]
    paths += [
        f"/w/{workspace}/admin/{model._meta.app_label}/{model._meta.model_name}/{pk}/change/"
        for model in (Import, Job)  # whose pages look unlike in each state
        if app == model._meta.app_label
        for pk in rows_in_each_state(model, tenant)
    ]
    return [*paths, *OUTSIDE] if app == "home" else paths


def rows_in_each_state(model: type[Import | Job], tenant: Tenant) -> list[int]:
    with tenant_context(tenant.pk):
        return list(model.objects.values_list("pk", flat=True).order_by("pk"))


def shown_with(visitor: Visitor, path: str) -> int | None:
    """The status of an address, or None when a browser would show no page there."""
    answer = visitor.context.request.get(visitor.url + path, max_redirects=0)
    headers = answer.headers
    no_page = (
        answer.status == 405
        or "attachment" in headers.get("content-disposition", "")
        or "text/html" not in headers.get("content-type", "")  # JSON for widgets
        or "sandbox" in headers.get("content-security-policy", "")  # the content of a frame, where no script runs
    )
    return None if no_page else answer.status


def look(visitor: Visitor, path: str, english: set[str]) -> list[tuple[str, Any]]:
    """What is wrong with a page, of the words too that should not be there; nothing for those that are only posted to,
    or downloads."""
    status = shown_with(visitor, path)
    if status is None:
        return []
    found: list[tuple[str, Any]] = []
    if status not in {200, 302, 403, 404}:
        found.append((path, status))
    visitor.complaints.clear()
    visitor.open(path)
    visitor.page.wait_for_load_state("load")
    found += [(path, text) for text in visitor.complaints if f"status of {status}" not in text]
    if visitor.overflow() > 0:
        found.append((path, f"{visitor.overflow()} px wider than the window"))
    if visitor.page.locator("[data-panel-failed]").count():
        found.append((path, "a panel failed"))
    if status == 200:
        found += [(path, text) for text in sorted(_texts(visitor.page) & english)]
    found += [
        (path, (violation["id"], [node["target"] for node in violation["nodes"][:3]]))
        for violation in Axe().run(visitor.page).response["violations"]
    ]
    return found


@pytest.mark.parametrize(
    ("workspace", "language", "width", "dark"),
    [("acme", "en", 1280, False), ("globex", "zh-hans", 390, True)],
    ids=["desktop-light-en", "phone-dark-zh"],
)
@rooms
def test_every_page_is_accessible_quiet_and_fits_in_the_readers_language(
    sign_in: SignIn, app: str, workspace: str, language: str, width: int, dark: bool
) -> None:
    visitor = sign_in(language=language, width=width, dark=dark, again=True)
    english: set[str] = set()
    if language != "en":
        english = {one for one in translated() if len(one) > 3 and one.isascii()} - DATA
    problems = [problem for path in pages(workspace, app) for problem in look(visitor, path, english)]
    assert problems == []


# Words of the showcase's own data that are also words of the interface.
DATA = {
    "English",
    "Member",  # a tier
    "The survey was closed.",
    "New in the last 60 days",
    "coffee",
    "Admin",
    "Owner",
    "Marketer",
    "Analyst",
    "Support",
    "Viewer",
    "system",
    "Conversion",  # stages, in the audit log
    "Retention",
    "marketing",  # a purpose
    *(
        "after",
        "campaign",
        "channel",
        "city",
        "fields",
        "granted",
        "medium",
        "other",
        "points",
        "purpose",
    ),  # properties
    *("reason", "reward", "source", "store"),
}


_READ = """() => {
    const ours = "script, style, pre, code, kbd, textarea, [lang=en], .ui-props, .material-symbols-outlined";
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = new Set();
    while (walker.nextNode())
        if (!walker.currentNode.parentElement.closest(ours)) found.add(walker.currentNode.data.trim());
    for (const name of ["placeholder", "aria-label", "title"])
        for (const node of document.querySelectorAll(`body [${name}]`)) found.add(node.getAttribute(name).trim());
    return [...found];
}"""


def _texts(page: Page) -> set[str]:
    """Every text on the page, hidden ones and those of attributes included."""
    return set(page.evaluate(_READ))
