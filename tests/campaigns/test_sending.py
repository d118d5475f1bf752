"""Who gets a campaign, and that each gets it once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django import Settings

from campaigns.actions import marking, sending
from campaigns.actions.campaigns import cancel_campaign, launch_campaign, pause_campaign, resume_campaign
from campaigns.actions.runs import start_due_run
from campaigns.actions.upkeep import retry_unknown
from campaigns.models import Campaign, Delivery, Run
from members.actions import record_consent, request_erasure, suppress_address
from members.models import InboxEntry, Member
from members.queries import timeline
from tests.campaigns.conftest import make_campaign, make_member, make_message, make_segment
from tests.channels.smtp_server import Taken
from urm.tenancy.models import Tenant, Wakeup
from urm.tenancy.work import drain, registered_work


def states() -> dict[str, str]:
    """State (and reason) by external id."""
    names = dict(Member.objects.values_list("pk", "external_id"))
    run = Run.objects.get()
    return {
        names[row.member_id] or "?": f"{row.state} {row.reason or ''}".strip()
        for row in Delivery.objects.filter(run_id=run.pk)
    }


def launch(campaign: Campaign) -> Run:
    launch_campaign(campaign=campaign)
    assert start_due_run()
    return Run.objects.get(campaign=campaign)


def work(tenant: Tenant) -> None:
    drain(tenant.pk, names=["campaigns.schedule", "campaigns.send"])


def test_run_decides_for_everybody_and_says_why_not(in_acme: Tenant) -> None:
    segment = make_segment()
    make_member(segment, 1)
    make_member(segment, 2, consent=False)
    make_member(segment, 3, email=None)
    make_member(segment, 4)
    suppress_address(channel="email", address="OK4@example.com", reason="bounced")
    request_erasure(member=make_member(segment, 5))
    member = make_member(segment, 6)
    record_consent(member=member, channel="email", purpose="marketing", granted=False, source="test")
    make_member(segment, 7, merged_into=member)
    make_member(make_segment("Others"), 8)
    run = launch(make_campaign(segment))
    assert run.audience == 7
    assert states() == {
        "m-1": "queued",
        "m-2": "skipped no_consent",
        "m-3": "skipped no_address",
        "m-4": "skipped suppressed",
        "m-5": "skipped erased",
        "m-6": "skipped no_consent",
        "m-7": "skipped merged",
    }


def test_consent_for_another_purpose_does_not_count(in_acme: Tenant) -> None:
    segment = make_segment()
    make_member(segment, 1)
    launch(make_campaign(segment, purpose="service"))
    assert states() == {"m-1": "skipped no_consent"}


def test_campaign_is_sent_once_to_each(crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken) -> None:
    campaign = crowd(120)
    launch_campaign(campaign=campaign)
    work(acme)
    work(acme)
    assert sorted(mail_server.recipients) == sorted(f"ok{n}@example.com" for n in range(120))
    assert set(states().values()) == {"sent"}
    campaign.refresh_from_db()
    assert campaign.state == "done"
    assert mail_server.connections == 1


def test_mail_is_personal_and_offers_the_way_out(
    crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken
) -> None:
    launch_campaign(campaign=crowd(1))
    work(acme)
    mail = mail_server.message()
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "Acme <urm@example.com>",
        "Name0 <ok0@example.com>",
        "For Name0",
    )
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    unsubscribe = str(mail["List-Unsubscribe"]).strip("<>")
    html, plain = (str(mail.get_body((kind,)).get_content()) for kind in ("html", "plain"))  # type: ignore[union-attr]
    assert unsubscribe in html
    assert unsubscribe in plain
    assert html.count("/m/c/") == 2
    assert html.count("/m/o/") == 1


def test_sending_writes_into_the_timeline(crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken) -> None:
    campaign = crowd(1)
    launch_campaign(campaign=campaign)
    drain(acme.pk)
    [entry] = timeline(Member.objects.get(), names=["urm.message.sent"])
    assert entry.properties == {"campaign": campaign.pk, "channel": "email"}


def test_consent_withdrawn_after_launch_is_respected(
    crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken
) -> None:
    launch(crowd(4))
    first, second, third, _fourth = Member.objects.order_by("pk")
    record_consent(member=first, channel="email", purpose="marketing", granted=False, source="test")
    suppress_address(channel="email", address=second.email or "", reason="complaint")
    request_erasure(member=third)
    work(acme)
    assert states() == {
        "m-0": "skipped no_consent",
        "m-1": "skipped suppressed",
        "m-2": "skipped erased",
        "m-3": "sent",
    }
    assert mail_server.recipients == ["ok3@example.com"]


def test_member_without_address_by_now_is_skipped(
    crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken
) -> None:
    launch(crowd(1))
    Member.objects.update(email=None)
    work(acme)
    assert states() == {"m-0": "skipped no_address"}


def test_answers_of_the_server_become_states(in_acme: Tenant, mail_server: Taken) -> None:
    segment = make_segment()
    for number, name in enumerate(("ok", "gone", "spam", "busy", "mute")):
        make_member(segment, number, email=f"{name}@example.com")
    make_member(segment, 5, email="not an address")
    make_member(segment, 6, email="ok6@example.com", attributes={"n": "x" * 30_000})
    campaign = make_campaign(segment, make_message(subject="Hi {{ member.attributes.n | upcase }}"))
    launch_campaign(campaign=campaign)
    work(in_acme)
    assert states() == {
        "m-0": "sent",
        "m-1": "failed refused",
        "m-2": "failed refused",
        "m-3": "queued",
        "m-4": "unknown",
        "m-5": "failed bad_address",
        "m-6": "failed template",
    }
    details = Delivery.objects.exclude(detail=None).values_list("detail", flat=True)
    assert [detail for detail in details if "@example.com" in (detail or "")] == []


def test_deferred_mail_is_tried_again_later_and_given_up_at_last(in_acme: Tenant, mail_server: Taken) -> None:
    segment = make_segment()
    make_member(segment, 1, email="busy@example.com")
    launch_campaign(campaign=make_campaign(segment))
    for attempt, delay in enumerate(marking.DELAYS, start=1):
        work(in_acme)
        [row] = Delivery.objects.all()
        assert (row.state, row.attempts) == ("queued", attempt)
        assert row.due_at is not None
        assert abs(row.due_at - timezone.now() - delay) < timedelta(seconds=10)
        assert Wakeup.objects.get(work="campaigns.send").due_at <= row.due_at
        Delivery.objects.update(due_at=timezone.now())
    work(in_acme)
    assert states() == {"m-1": "failed gave_up"}
    assert Campaign.objects.get().state == "done"


def test_nothing_is_lost_while_the_mail_server_is_away(
    crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken, settings: Settings
) -> None:
    launch(crowd(3))
    there = settings.EMAIL
    settings.EMAIL = {**there, "port": 1}
    for _turn in range(8):
        work(acme)
    assert set(states().values()) == {"queued"}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    settings.EMAIL = there
    work(acme)
    assert set(states().values()) == {"sent"}


def test_launch_pressed_again_is_refused(crowd: Callable[..., Campaign]) -> None:
    campaign = crowd(1)
    launch_campaign(campaign=campaign)
    with pytest.raises(ValidationError) as caught:
        launch_campaign(campaign=campaign)
    assert caught.value.code == "not_a_draft"


def test_launch_is_refused_while_something_is_wrong(in_acme: Tenant) -> None:
    campaign = make_campaign(make_segment(), make_message(body="<p>no way out</p>"))
    with pytest.raises(ValidationError) as caught:
        launch_campaign(campaign=campaign)
    assert sorted(caught.value.message_dict) == ["body", "text"]
    assert Campaign.objects.get().state == "draft"


def test_paused_campaign_hands_nothing_over_until_it_goes_on(
    crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken
) -> None:
    campaign = crowd(3)
    launch(campaign)
    pause_campaign(campaign=campaign)
    work(acme)
    assert mail_server.recipients == []
    assert set(states().values()) == {"queued"}
    resume_campaign(campaign=campaign)
    work(acme)
    assert len(mail_server.recipients) == 3


def test_pause_holds_what_is_claimed_but_not_handed_over(
    crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause arrives while the second chunk is being rendered."""
    campaign = crowd(25)
    monkeypatch.setattr(sending, "CHUNK", 10)
    run = launch(campaign)
    render = sending._render
    chunks = []

    def render_and_pause(batch: sending._Batch, values: dict[int, Any]) -> object:
        chunks.append(len(values))
        if len(chunks) == 2:
            pause_campaign(campaign=campaign)
        return render(batch, values)

    monkeypatch.setattr(sending, "_render", render_and_pause)
    sending.send_batch(run)
    assert len(mail_server.recipients) == 10
    assert sorted(states().values()) == ["queued"] * 15 + ["sent"] * 10


def test_cancelled_campaign_keeps_who_did_not_get_it(
    crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken
) -> None:
    campaign = crowd(2)
    launch(campaign)
    cancel_campaign(campaign=campaign)
    work(acme)
    assert mail_server.recipients == []
    assert set(states().values()) == {"skipped cancelled"}
    campaign.refresh_from_db()
    assert campaign.state == "cancelled"
    assert Run.objects.get().finished_at is not None
    with pytest.raises(ValidationError):
        cancel_campaign(campaign=campaign)


def test_ended_leases_requeue_what_was_claimed_and_tell_what_was_handed_over(
    crowd: Callable[..., Campaign], acme: Tenant, mail_server: Taken
) -> None:
    run = launch(crowd(3))
    first, second, third = Delivery.objects.order_by("member_id")
    past, future = timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(minutes=5)
    for row, state, due in ((first, "claimed", past), (second, "sending", past), (third, "sending", future)):
        Delivery.objects.filter(run_id=run.pk, member_id=row.member_id).update(state=state, due_at=due, token=5)
    work(acme)
    assert states() == {"m-0": "sent", "m-1": "unknown", "m-2": "sending"}
    assert mail_server.recipients == ["ok0@example.com"]
    # The worker that was only slow comes back with the answer.
    marking.apply_marks(
        run=run,
        channel="email",
        token=5,
        marks=[marking.Mark(second.member_id, "sent", tried=True)],
        from_states=["sending", "unknown"],
    )
    assert states()["m-1"] == "sent"


def test_only_the_claims_token_may_mark(crowd: Callable[..., Campaign]) -> None:
    run = launch(crowd(1))
    Delivery.objects.update(state="sending", token=5)
    [row] = Delivery.objects.all()
    InboxEntry.objects.all().delete()
    marking.apply_marks(
        run=run,
        channel="email",
        token=6,
        marks=[marking.Mark(row.member_id, "sent")],
        from_states=["sending", "unknown"],
    )
    assert set(states().values()) == {"sending"}
    assert not InboxEntry.objects.exists()


def test_unknown_ones_are_sent_again_when_a_person_says_so(in_acme: Tenant, mail_server: Taken) -> None:
    segment = make_segment()
    member = make_member(segment, 1, email="mute@example.com")
    campaign = make_campaign(segment)
    launch_campaign(campaign=campaign)
    work(in_acme)
    assert states() == {"m-1": "unknown"}
    assert Campaign.objects.get().state == "done"
    Member.objects.filter(pk=member.pk).update(email="ok@example.com")
    assert retry_unknown(campaign=campaign) == 1
    work(in_acme)
    assert states() == {"m-1": "sent"}
    with pytest.raises(ValidationError):
        retry_unknown(campaign=campaign)


def test_runs_of_two_campaigns_take_turns(in_acme: Tenant, mail_server: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BATCH", 5)
    large, small = make_segment("Large"), make_segment("Small")
    for number in range(20):
        make_member(large, number)
    make_member(small, 99)
    launch(make_campaign(large))
    launch(make_campaign(small))
    registered_work()["campaigns.send"].step()
    assert "ok99@example.com" in mail_server.recipients
    assert len(mail_server.recipients) == 6
