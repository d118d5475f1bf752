"""A marketer's way from the message to the report, and what roles may not."""

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from campaigns.actions.trial import send_test_mail
from campaigns.models import Campaign, Delivery, Message, Run
from members.actions import suppress_address
from members.models import Member
from tests.campaigns.conftest import BODY, make_campaign, make_member, make_message, make_segment
from tests.channels.smtp_server import Taken
from tests.ui.conftest import sign_in
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User
from urm.tenancy.work import drain

pytestmark = pytest.mark.django_db
BASE = "/w/acme/admin/campaigns"
MESSAGE = {"name": "Sale", "subject": "Hi {{ member.first_name }}", "format": "html", "body": BODY}


@pytest.fixture
def marketer(client: Client, acme: Tenant, staff: Any) -> Client:
    user: User = staff(acme, "marketer")
    sign_in(client, user.email)
    return client


@pytest.fixture
def draft(acme: Tenant) -> Campaign:
    with tenant_context(acme.pk):
        segment = make_segment()
        make_member(segment, 1)
        make_member(segment, 2, consent=False)
        return make_campaign(segment)


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return str(response.content.decode())


def test_marketer_plans_launches_and_reads_the_report(marketer: Client, acme: Tenant, mail_server: Taken) -> None:
    with tenant_context(acme.pk):
        segment = make_segment()
        make_member(segment, 1)
        make_member(segment, 2, consent=False)
    saved = marketer.post(f"{BASE}/message/add/", MESSAGE)
    assert saved.status_code == 302
    with tenant_context(acme.pk):
        message = Message.objects.get()
    page = text_of(marketer.get(saved.headers["Location"]))
    assert "Hi Name1" in page
    plan = {"name": "Spring", "segment": segment.pk, "message": message.pk, "purpose": "marketing"}
    planned = marketer.post(f"{BASE}/campaign/add/", plan)
    address = planned.headers["Location"].removesuffix("change/")
    assert "without: no consent" in text_of(marketer.get(f"{address}launch/"))
    assert "Launch to 1 members" in text_of(marketer.get(f"{address}launch/"))
    launched = marketer.post(f"{address}launch/", {"when": "now", "time_zone": "UTC"})
    assert launched.status_code == 302
    progress = json.loads(text_of(marketer.get(f"{address}progress/")))
    assert (progress["finished"], progress["total"]) == (False, 0)
    drain(acme.pk, names=["campaigns.schedule", "campaigns.send"])
    progress = json.loads(text_of(marketer.get(f"{address}progress/")))
    assert (progress["finished"], progress["done"], progress["total"]) == (True, 1, 1)
    assert mail_server.recipients == ["ok1@example.com"]
    page = text_of(marketer.get(f"{address}change/"))
    assert "https://shop.example/sale?a=1&amp;b=2" in page
    deliveries = text_of(marketer.get(f"{address}deliveries/"))
    assert ("no consent" in deliveries, "Name1" in deliveries) == (True, True)
    assert "Name1" not in text_of(marketer.get(f"{address}deliveries/?state=skipped"))


def test_campaign_is_scheduled_in_local_time(marketer: Client, acme: Tenant, draft: Campaign) -> None:
    given = {"when": "later", "local_time": "2036-07-01T09:00", "time_zone": "America/New_York"}
    assert marketer.post(f"{BASE}/campaign/{draft.pk}/launch/", given).status_code == 302
    with tenant_context(acme.pk):
        draft.refresh_from_db()
    assert (draft.state, draft.scheduled_at.isoformat() if draft.scheduled_at else "") == (
        "scheduled",
        "2036-07-01T13:00:00+00:00",
    )
    past = {**given, "local_time": "2001-01-01T09:00"}
    assert "has been launched already" in text_of(marketer.post(f"{BASE}/campaign/{draft.pk}/launch/", given))
    assert "This moment is past" in text_of(marketer.post(f"{BASE}/campaign/{draft.pk}/launch/", past))


def test_campaign_with_findings_cannot_be_launched(marketer: Client, acme: Tenant) -> None:
    with tenant_context(acme.pk):
        campaign = make_campaign(make_segment(), make_message(body="<p>no way out</p>"))
    page = text_of(marketer.get(f"{BASE}/campaign/{campaign.pk}/launch/"))
    assert ("There is no unsubscribe link" in page, "Launch to" in page) == (True, False)
    marketer.post(f"{BASE}/campaign/{campaign.pk}/launch/", {"when": "now", "time_zone": "UTC"})
    with tenant_context(acme.pk):
        assert Campaign.objects.get().state == "draft"


def test_preview_stands_in_a_frame_that_can_do_nothing(marketer: Client, acme: Tenant, draft: Campaign) -> None:
    with tenant_context(acme.pk):
        member = Member.objects.get(external_id="m-2")
    page = text_of(marketer.get(f"{BASE}/campaign/{draft.pk}/change/?member=Name2"))
    assert f"frame/?member={member.pk}" in page
    assert 'sandbox=""' in page
    frame = marketer.get(f"{BASE}/campaign/{draft.pk}/frame/?member={member.pk}")
    assert "Hello Name2" in text_of(frame)
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert ("sandbox" in policy, "script-src" in policy) == (True, False)


def test_test_mail_goes_to_the_one_who_asks(
    marketer: Client, acme: Tenant, draft: Campaign, mail_server: Taken
) -> None:
    with tenant_context(acme.pk):
        member = Member.objects.get(external_id="m-2")
    marketer.post(f"{BASE}/campaign/{draft.pk}/test/", {"member": member.pk})
    assert mail_server.recipients == ["marketer@acme.example.com"]
    mail = mail_server.message()
    assert mail["Subject"] == "[Test] For Name2"
    assert "/m/c/" not in str(mail.get_body(("html",)))
    with tenant_context(acme.pk):
        assert not Delivery.objects.exists()


def test_buttons_pause_resume_and_cancel(marketer: Client, acme: Tenant, draft: Campaign) -> None:
    marketer.post(f"{BASE}/campaign/{draft.pk}/launch/", {"when": "now", "time_zone": "UTC"})
    drain(acme.pk, names=["campaigns.schedule"])
    states = []
    for step in ("pause", "resume", "nonsense", "cancel"):
        marketer.post(f"{BASE}/campaign/{draft.pk}/step/", {"step": step})
        with tenant_context(acme.pk):
            draft.refresh_from_db()
        states.append(draft.state)
    assert states == ["paused", "running", "running", "cancelled"]


def test_unknown_deliveries_are_shown_with_a_button(marketer: Client, acme: Tenant, draft: Campaign) -> None:
    marketer.post(f"{BASE}/campaign/{draft.pk}/launch/", {"when": "now", "time_zone": "UTC"})
    drain(acme.pk, names=["campaigns.schedule"])
    with tenant_context(acme.pk):
        Delivery.objects.filter(run_id=Run.objects.get().pk, state="queued").update(state="unknown", due_at=None)
    drain(acme.pk, names=["campaigns.send"])
    assert "Send the unknown ones again" in text_of(marketer.get(f"{BASE}/campaign/{draft.pk}/change/"))
    marketer.post(f"{BASE}/campaign/{draft.pk}/step/", {"step": "retry"})
    with tenant_context(acme.pk):
        assert Delivery.objects.filter(state="queued").count() == 1


def test_message_under_way_cannot_be_edited(marketer: Client, acme: Tenant, draft: Campaign) -> None:
    address = f"{BASE}/message/{draft.message_id}/change/"
    assert marketer.post(address, {**MESSAGE, "subject": "New"}).status_code == 302
    marketer.post(f"{BASE}/campaign/{draft.pk}/launch/", {"when": "now", "time_zone": "UTC"})
    assert "can no longer be changed" in text_of(marketer.get(address))
    marketer.post(address, {**MESSAGE, "subject": "Newer"})
    with tenant_context(acme.pk):
        assert Message.objects.get().subject == "New"


def test_broken_template_is_told_beside_its_field(marketer: Client) -> None:
    page = text_of(marketer.post(f"{BASE}/message/add/", {**MESSAGE, "body": "{% for i in (1..9) %}{% endfor %}"}))
    assert "Ranges such as (1..10) are not allowed" in page


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_roles_that_look_cannot_launch(client: Client, acme: Tenant, staff: Any, draft: Campaign, role: str) -> None:
    sign_in(client, staff(acme, role).email)
    page = text_of(client.get(f"{BASE}/campaign/{draft.pk}/change/"))
    assert f"{draft.pk}/launch/" not in page
    assert client.get(f"{BASE}/campaign/{draft.pk}/launch/").status_code == 403
    assert client.post(f"{BASE}/campaign/{draft.pk}/step/", {"step": "cancel"}).status_code == 403


def test_member_and_home_show_messages(marketer: Client, acme: Tenant, draft: Campaign, mail_server: Taken) -> None:
    marketer.post(f"{BASE}/campaign/{draft.pk}/launch/", {"when": "now", "time_zone": "UTC"})
    drain(acme.pk, names=["campaigns.schedule", "campaigns.send"])
    with tenant_context(acme.pk):
        member = Member.objects.get(external_id="m-2")
    page = text_of(marketer.get(f"/w/acme/admin/members/member/{member.pk}/change/"))
    assert "not sent: no consent" in page
    assert "Campaign funnel" in text_of(marketer.get("/w/acme/admin/"))


def test_test_mail_goes_to_staff_only_and_never_to_a_suppressed_address(
    acme: Tenant, draft: Campaign, mail_server: Taken, staff: Any
) -> None:
    staff(acme, "marketer")
    with tenant_context(acme.pk):
        message, member = draft.message, Member.objects.get(external_id="m-2")
        with pytest.raises(ValidationError):
            send_test_mail(message=message, member=member, address=member.email or "")
        suppress_address(channel="email", address="marketer@acme.example.com", reason="complained")
        with pytest.raises(ValidationError):
            send_test_mail(message=message, member=member, address="marketer@acme.example.com")
    assert mail_server.recipients == []
