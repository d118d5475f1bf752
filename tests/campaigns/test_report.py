"""Figures of a campaign, through the API."""

from typing import Any

import pytest
from django.utils import timezone

from campaigns.actions.campaigns import launch_campaign
from campaigns.models import Delivery
from campaigns.queries.report import deliveries_of_member
from members.models import Member
from tests.campaigns.conftest import BODY, make_campaign, make_member, make_segment
from tests.channels.smtp_server import Taken
from tests.rest.client import ApiClient, make_key
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

MESSAGE = {"subject": "Hi", "body": BODY}


@pytest.fixture
def api(in_acme: Tenant) -> ApiClient:
    return ApiClient(make_key(in_acme, scopes=["campaigns.view", "campaigns.change", "campaigns.launch"]))


def send(tenant: Tenant) -> None:
    drain(tenant.pk, names=["campaigns.schedule", "campaigns.send"])


def make(api: ApiClient, segment_id: int, **fields: Any) -> Any:
    return api.post("/api/v1/campaigns", {"name": "Spring", "segment_id": segment_id, "message": MESSAGE, **fields})


def test_campaign_goes_its_way_through_the_api(api: ApiClient, acme: Tenant, mail_server: Taken) -> None:
    segment = make_segment()
    make_member(segment, 1)
    created = make(api, segment.pk)
    assert created.status_code == 201
    address = created.headers["Location"]
    assert api.get(address).json()["message"]["body"] == BODY
    assert api.get("/api/v1/campaigns?state=draft").json()["data"][0]["id"] == created.json()["id"]
    launched = api.post(f"{address}/launch", {})
    assert (launched.status_code, launched.json()["state"]) == (202, "scheduled")
    again = api.post(f"{address}/launch", {})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_a_draft")
    send(acme)
    assert api.get(address).json()["state"] == "done"
    assert mail_server.recipients == ["ok1@example.com"]


def test_campaign_can_be_paused_resumed_and_cancelled(api: ApiClient, acme: Tenant, mail_server: Taken) -> None:
    segment = make_segment()
    make_member(segment, 1)
    address = make(api, segment.pk).headers["Location"]
    assert api.post(f"{address}/pause").json()["error"]["code"] == "wrong_state"
    api.post(f"{address}/launch", {})
    drain(acme.pk, names=["campaigns.schedule"])
    states = [api.post(f"{address}/{step}").json()["state"] for step in ("pause", "resume", "cancel")]
    assert states == ["paused", "running", "cancelled"]
    send(acme)
    assert mail_server.recipients == []
    report = api.get(f"{address}/report").json()
    assert (report["audience"], report["decided"]) == (1, 0)
    assert report["skipped"] == [{"reason": "cancelled", "label": "campaign cancelled", "members": 1}]


def test_create_refuses_by_field(api: ApiClient) -> None:
    segment = make_segment()
    broken = make(api, segment.pk, message={"subject": "{{ x", "body": "x"})
    assert (broken.status_code, list(broken.json()["error"]["fields"])) == (400, ["subject"])
    nowhere = make(api, segment.pk + 999)
    assert list(nowhere.json()["error"]["fields"]) == ["segment_id"]


def test_schedule_takes_a_local_time(api: ApiClient) -> None:
    address = make(api, make_segment().pk).headers["Location"]
    launched = api.post(f"{address}/launch", {"local_time": "2036-07-01T09:00", "time_zone": "Asia/Shanghai"})
    assert launched.json()["scheduled_at"] == "2036-07-01T01:00:00Z"
    for field, body in (
        ("local_time", {"local_time": "2001-01-01T00:00"}),
        ("time_zone", {"local_time": "2036-07-01T09:00", "time_zone": "Mars/Base"}),
        ("local_time", {"local_time": "2036-13-01T09:00"}),
    ):
        refused = api.post(f"{make(api, make_segment(field + str(body)).pk).headers['Location']}/launch", body)
        assert (refused.status_code, list(refused.json()["error"]["fields"])) == (400, [field])


def test_report_counts_the_waterfall_and_rates(api: ApiClient, acme: Tenant, mail_server: Taken) -> None:
    segment = make_segment()
    for number in range(10):
        make_member(segment, number)
    make_member(segment, 10, email="gone@example.com")
    make_member(segment, 11, email="mute@example.com")
    make_member(segment, 12, email=None)
    make_member(segment, 13, consent=False)
    make_member(segment, 14, consent=False)
    address = make(api, segment.pk).headers["Location"]
    api.post(f"{address}/launch", {})
    send(acme)
    now = timezone.now()
    ids = list(Member.objects.order_by("pk").values_list("pk", flat=True))
    Delivery.objects.filter(member_id__in=ids[:5]).update(opened_at=now)
    Delivery.objects.filter(member_id__in=ids[4:7]).update(machine_opened_at=now)
    Delivery.objects.filter(member_id__in=ids[:2]).update(clicked_at=now, clicked_links=[1])
    Delivery.objects.filter(member_id=ids[0]).update(clicked_links=[1, 2], unsubscribed_at=now)
    report = api.get(f"{address}/report").json()
    rates = {name: report.pop(name) for name in ("opened", "clicked", "unsubscribed")}
    assert report == {
        "audience": 15,
        "skipped": [
            {"reason": "no_address", "label": "no address", "members": 1},
            {"reason": "no_consent", "label": "no consent", "members": 2},
        ],
        "decided": 12,
        "open": 0,
        "sent": 10,
        "failed": 1,
        "unknown": 1,
        "machine_opened": 2,
        "links": [
            {"number": 1, "url": "https://shop.example/sale?a=1&b=2", "members": 2},
            {"number": 2, "url": "https://shop.example/new", "members": 1},
        ],
    }
    assert {name: (rate["count"], rate["of"]) for name, rate in rates.items()} == {
        "opened": (5, 10),
        "clicked": (2, 10),
        "unsubscribed": (1, 10),
    }
    assert rates["opened"]["low"] == pytest.approx(0.2366, abs=1e-4)
    assert rates["opened"]["high"] == pytest.approx(0.7634, abs=1e-4)


def test_report_before_launch_is_empty(api: ApiClient) -> None:
    report = api.get(f"{make(api, make_segment().pk).headers['Location']}/report").json()
    assert (report["audience"], report["opened"]["share"], report["opened"]["low"]) == (0, None, None)


def test_launch_needs_its_own_scope(in_acme: Tenant) -> None:
    campaign = make_campaign(make_segment())
    api = ApiClient(make_key(in_acme, scopes=["campaigns.view", "campaigns.change"]))
    assert api.post(f"/api/v1/campaigns/{campaign.pk}/launch", {}).status_code == 403


def test_member_page_lists_the_decisions_with_reasons(in_acme: Tenant, mail_server: Taken) -> None:
    segment = make_segment("Two")
    member = make_member(segment, 50, consent=False)
    launch_campaign(campaign=make_campaign(segment))
    send(in_acme)
    [found] = deliveries_of_member(member.pk)
    assert (found.campaign.name, found.delivery.state, found.delivery.get_reason_display()) == (
        "Spring",
        "skipped",
        "no consent",
    )
