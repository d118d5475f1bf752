"""The links of a message: what they note, what they never do."""

import contextvars
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.actions.campaigns import launch_campaign
from campaigns.models import Campaign, Delivery, Run
from campaigns.queries.rendering import NO_RUN, delivery_token
from members.models import Consent, ConsentRecord, Member
from members.queries import timeline
from tests.channels.smtp_server import Taken
from urm.lib.tokens import seal
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

PERSON = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"


class Mailbox:
    """The addresses in one member's mail, as paths."""

    def __init__(self, server: Taken) -> None:
        self.message = server.message()
        html = str(self.message.get_body(("html",)).get_content())  # type: ignore[union-attr]
        paths = [
            unescape(url).removeprefix("http://localhost:8000") for url in re.findall(r'(?:href|src)="([^"]+)"', html)
        ]
        self.clicks = [path for path in paths if path.startswith("/m/c/")]
        [self.picture] = [path for path in paths if path.startswith("/m/o/")]
        [self.unsubscribe] = [path for path in paths if path.startswith("/m/u/")]


@pytest.fixture
def mailbox(crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken) -> Mailbox:
    launch_campaign(campaign=crowd(1))
    drain(acme.pk)
    return Mailbox(mail_server)


@pytest.fixture
def visitor() -> Client:
    """A browser without cookies that insists on CSRF."""
    return Client(enforce_csrf_checks=True, headers={"user-agent": PERSON})


def seen(tenant: Tenant, *names: str) -> list[dict[str, Any]]:
    drain(tenant.pk)
    return [entry.properties for entry in reversed(timeline(Member.objects.get(), names=[f"urm.{n}" for n in names]))]


def test_picture_notes_the_first_opening(mailbox: Mailbox, visitor: Client, acme: Tenant) -> None:
    campaign = Campaign.objects.get()
    for _time in range(3):
        response = visitor.get(mailbox.picture)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "image/gif")
        assert response.cookies == {}
    assert Delivery.objects.get().opened_at is not None
    assert seen(acme, "message.opened") == [{"campaign": campaign.pk, "channel": "email", "machine": False}]


@pytest.mark.parametrize("agent", ["Mozilla/5.0", "", "Barracuda Sentinel", "python-requests/2.31", "Googlebot/2.1"])
def test_opening_by_a_machine_is_told_apart(mailbox: Mailbox, visitor: Client, acme: Tenant, agent: str) -> None:
    visitor.get(mailbox.picture, headers={"user-agent": agent})
    row = Delivery.objects.get()
    assert (row.opened_at, row.machine_opened_at is not None) == (None, True)
    assert [event["machine"] for event in seen(acme, "message.opened")] == [True]


def test_gmails_picture_proxy_counts_as_a_person(mailbox: Mailbox, visitor: Client) -> None:
    agent = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    visitor.get(mailbox.picture, headers={"user-agent": agent})
    assert Delivery.objects.get().opened_at is not None


def test_click_leads_to_the_link_and_is_noted_once_per_link(mailbox: Mailbox, visitor: Client, acme: Tenant) -> None:
    first, second = mailbox.clicks
    targets = [visitor.get(path).headers["Location"] for path in (first, first, second)]
    assert targets == ["https://shop.example/sale?a=1&b=2"] * 2 + ["https://shop.example/new"]
    row = Delivery.objects.get()
    assert (row.clicked_links, row.clicked_at is not None) == ([1, 2], True)
    assert [(event["link"], event["url"]) for event in seen(acme, "message.clicked")] == [
        (1, "https://shop.example/sale?a=1&b=2"),
        (2, "https://shop.example/new"),
    ]


def test_click_by_a_scanner_or_head_is_led_on_but_not_noted(mailbox: Mailbox, visitor: Client) -> None:
    assert visitor.get(mailbox.clicks[0], headers={"user-agent": "Proofpoint URL Defense"}).status_code == 302
    assert visitor.head(mailbox.clicks[0]).status_code == 302
    visitor.head(mailbox.picture)
    row = Delivery.objects.get()
    assert (row.clicked_at, row.opened_at) == (None, None)


def test_unsubscribe_page_changes_nothing_when_it_is_only_opened(mailbox: Mailbox, visitor: Client) -> None:
    for response in (visitor.get(mailbox.unsubscribe), visitor.head(mailbox.unsubscribe)):
        assert (response.status_code, response.cookies) == (200, {})
    assert Consent.objects.get().granted
    assert Delivery.objects.get().unsubscribed_at is None


def test_unsubscribe_takes_a_post_without_cookie_or_token(mailbox: Mailbox, visitor: Client, acme: Tenant) -> None:
    assert mailbox.message["List-Unsubscribe"] == f"<http://localhost:8000{mailbox.unsubscribe}>"
    for _time in range(2):
        response = visitor.post(mailbox.unsubscribe, {"List-Unsubscribe": "One-Click"})
        assert (response.status_code, response.cookies) == (200, {})
    assert not Consent.objects.get().granted
    record = ConsentRecord.objects.order_by("-pk")[0]
    member = Member.objects.get()
    assert (record.granted, record.source, record.recorded_by) == (
        False,
        f"unsubscribe: campaign {Campaign.objects.get().pk}",
        f"#{member.pk}",
    )
    assert ConsentRecord.objects.filter(granted=False).count() == 1
    assert [event["purpose"] for event in seen(acme, "message.unsubscribed")] == ["marketing"]
    assert [event["granted"] for event in seen(acme, "consent.changed")] == [True, False]


def test_unsubscribe_page_speaks_both_languages(mailbox: Mailbox, visitor: Client, acme: Tenant) -> None:
    assert visitor.get(mailbox.unsubscribe).headers["Content-Language"] == "en"
    assert visitor.get(mailbox.unsubscribe + "?lang=zh-hans").headers["Content-Language"] == "zh-hans"
    Tenant.objects.filter(pk=acme.pk).update(language="zh-hans")
    response = visitor.get(mailbox.unsubscribe)
    assert response.headers["Content-Language"] == "zh-hans"
    assert "退订" in response.content.decode()


def test_unsubscribing_counts_for_the_member_one_was_merged_into(
    mailbox: Mailbox, visitor: Client, acme: Tenant
) -> None:
    heir = Member.objects.create(external_id="heir")
    Member.objects.filter(external_id="m-0").update(merged_into=heir)
    visitor.post(mailbox.unsubscribe)
    assert list(Consent.objects.order_by("member_id").values_list("member__external_id", "granted")) == [
        ("m-0", False),
        ("heir", False),
    ]


def forged(tenant: Tenant) -> list[str]:
    run, member = Run.objects.get(), Member.objects.get()
    good = delivery_token(run.pk, member.pk)
    return [
        "x",
        good[:-1],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        seal("another.purpose", tenant.pk, run.pk, member.pk),
        seal("campaigns.delivery", tenant.pk, run.pk),
        seal("campaigns.delivery", 2**40, run.pk, member.pk),
    ]


def test_forged_tokens_are_refused_and_note_nothing(mailbox: Mailbox, visitor: Client, acme: Tenant) -> None:
    answers = set()
    for token in forged(acme):
        for path in (f"/m/o/{token}.gif", f"/m/c/{token}/1", f"/m/u/{token}"):
            answers.add(visitor.get(path).status_code)
        answers.add(visitor.post(f"/m/u/{token}").status_code)
    assert answers == {404}
    assert Consent.objects.get().granted


def test_click_address_leads_nowhere_else(mailbox: Mailbox, visitor: Client, acme: Tenant) -> None:
    token = delivery_token(Run.objects.get().pk, Member.objects.get().pk)
    for path in (
        f"/m/c/{token}/3",
        f"/m/c/{token}/0",
        f"/m/c/{token}/99999999999",
        f"/m/c/{token}/1?url=https://evil.example",
    ):
        response = visitor.get(path)
        assert response.headers.get("Location") in (None, "https://shop.example/sale?a=1&b=2")
    assert visitor.get(f"/m/c/{token}/https://evil.example").status_code == 404


def test_token_of_another_workspace_reaches_only_that_workspace(
    mailbox: Mailbox, visitor: Client, acme: Tenant, globex: Tenant
) -> None:
    """The same run and member number, sealed for a workspace that has neither."""
    run, member = Run.objects.get(), Member.objects.get()
    token = seal("campaigns.delivery", globex.pk, run.pk, member.pk)
    outside = contextvars.Context()  # the test's own workspace is not the request's
    assert outside.run(visitor.get, f"/m/c/{token}/1").status_code == 404
    assert outside.run(visitor.post, f"/m/u/{token}").status_code == 404
    assert outside.run(visitor.get, f"/m/o/{token}.gif").status_code == 200
    row = Delivery.objects.get()
    assert (row.opened_at, row.unsubscribed_at) == (None, None)


def test_links_of_a_test_message_change_nothing(mailbox: Mailbox, visitor: Client, acme: Tenant) -> None:
    token = delivery_token(NO_RUN, Member.objects.get().pk)
    response = visitor.get(reverse("message_unsubscribe", args=[token]))
    assert "test message" in response.content.decode()
    assert visitor.post(reverse("message_unsubscribe", args=[token])).status_code == 200
    assert visitor.get(reverse("message_picture", args=[token])).status_code == 200
    assert Consent.objects.get().granted


def test_addresses_of_a_mail_that_was_not_sent_note_nothing(
    crowd: Callable[..., Campaign], visitor: Client, acme: Tenant
) -> None:
    launch_campaign(campaign=crowd(1))
    drain(acme.pk, names=["campaigns.schedule"])
    token = delivery_token(Run.objects.get().pk, Member.objects.get().pk)
    assert visitor.get(f"/m/o/{token}.gif").status_code == 200
    assert Delivery.objects.get().opened_at is None
