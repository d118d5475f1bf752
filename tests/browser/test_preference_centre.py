"""The preference centre in a real browser: by keyboard, on a phone and a desk, in both languages, without script."""

import re

from axe_playwright_python.sync_playwright import Axe

from members.models import Consent, Member
from members.queries.links import preferences_path
from tests.browser.conftest import SignIn
from tests.browser.keyboard import WALKS, follow, press, reach
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant


@WALKS
def test_member_chooses_by_keyboard_what_to_get(
    sign_in: SignIn, workspace: str, language: str, width: int, dark: bool
) -> None:
    visitor = sign_in(language=language, width=width, dark=dark, again=True)
    tenant = Tenant.objects.get(slug=workspace)
    with tenant_context(tenant.pk):
        member = Member.objects.get(external_id="C0003" if width > 400 else "C0006")
        path = preferences_path(member.pk)
    visitor.context.clear_cookies()  # members never sign in
    page = visitor.page
    page.goto(visitor.url + path)
    assert Axe().run(page).response["violations"] == []
    assert visitor.overflow() <= 0
    box = page.locator("input[name=chosen][value='email.newsletter']")
    reach(page, box)
    page.keyboard.press("Space")
    press(page, page.locator("button[value=save]"))
    page.wait_for_url(re.compile("said=saved"))
    assert page.locator("[role=status]").count() == 1
    assert page.locator("input[name=chosen][value='email.newsletter']").is_checked()
    assert Axe().run(page).response["violations"] == []
    with tenant_context(tenant.pk):
        assert Consent.objects.get(member=member, channel="email", purpose="newsletter").granted is True
    follow(page, page.locator("footer a").first)
    assert page.locator("html").get_attribute("lang") != language
