"""The preview of a message in a real browser: shown as it is, and able to do nothing."""

from campaigns.actions.messages import create_message
from tests.browser.conftest import SignIn
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

BODY = """<h1 style="color: rgb(200, 0, 0)">Hello {{ member.first_name }}</h1>
<script>document.title = "run"; top.document.title = "run"</script>
<img src="x" onerror="top.document.title = 'run'"><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>"""


def test_preview_shows_the_message_and_runs_none_of_its_scripts(sign_in: SignIn) -> None:
    with tenant_context(Tenant.objects.get(slug="acme").pk):
        message = create_message(name="Hostile", subject="Hi", body=BODY)
    visitor = sign_in(language="en", width=1280)
    visitor.open(f"/w/acme/admin/campaigns/message/{message.pk}/change/")
    for frame in visitor.page.locator("iframe.campaign-frame").all():
        frame.scroll_into_view_if_needed()
    heading = visitor.page.frame_locator("iframe.campaign-frame >> nth=0").locator("h1")
    heading.wait_for()
    assert heading.inner_text().startswith("Hello ")
    assert heading.evaluate("node => getComputedStyle(node).color") == "rgb(200, 0, 0)"
    assert "run" not in {visitor.page.title(), *(frame.title() for frame in visitor.page.frames)}
