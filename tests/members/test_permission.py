"""The gate of sending, and that every way out of the house leads through it."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from members.actions import lift_suppression, record_consent, request_erasure, suppress_address, upsert_member
from members.models import Member, Suppression
from members.queries.permission import obstacles
from urm.tenancy.models import Tenant

# Every module that hands mails over, and the test that shows how it asks the gate (or why it needs none).
WAYS_OUT = {
    "campaigns/actions/sending.py": "tests/campaigns/test_sending.py",
    "campaigns/actions/trial.py": "tests/campaigns/test_admin.py",  # staff of the workspace only
    "feedback/actions/sending.py": "tests/feedback/test_invitations.py",
    "members/actions/confirmations.py": "tests/members/test_confirmations.py",
}


def against(member: Member, purpose: str | None = "marketing", channel: str = "email") -> str | None:
    return obstacles([member.pk], channel=channel, purpose=purpose).get(member.pk)


@pytest.fixture
def bea(in_acme: Tenant) -> Member:
    member, _created = upsert_member(external_id="bea", traits={"email": "bea@example.com", "phone": "+12025550123"})
    record_consent(member=member, channel="email", purpose="marketing", granted=True, source="test")
    return member


def test_nothing_stands_against_a_member_who_consented(bea: Member) -> None:
    assert against(bea) is None


def test_obstacles_in_their_order(bea: Member) -> None:
    suppress_address(channel="email", address="BEA@example.com ", reason="complained")
    assert [against(bea), against(bea, None)] == ["suppressed", "suppressed"]
    record_consent(member=bea, channel="email", purpose="marketing", granted=False, source="test")
    assert [against(bea), against(bea, None)] == ["no_consent", "suppressed"]
    Member.objects.filter(pk=bea.pk).update(email="")
    assert against(bea) == "no_address"
    Member.objects.filter(pk=bea.pk).update(merged_into=upsert_member(external_id="other", traits={})[0])
    assert against(bea) == "merged"
    request_erasure(member=bea)
    assert against(bea) == "erased"
    assert obstacles([987_654_321], channel="email", purpose=None) == {987_654_321: "erased"}


def test_consent_is_per_channel_and_purpose(bea: Member) -> None:
    assert [against(bea, "newsletter"), against(bea, "marketing", "sms")] == ["no_consent", "no_consent"]
    assert against(bea, "marketing", "push") == "no_address"


def test_suppression_is_per_channel_and_can_be_lifted(bea: Member) -> None:
    record_consent(member=bea, channel="sms", purpose="marketing", granted=True, source="test")
    row, created = suppress_address(channel="sms", address="+12025550123", reason="on request")
    assert (created, suppress_address(channel="sms", address="+12025550123", reason="again")[1]) == (True, False)
    assert [against(bea), against(bea, channel="sms")] == [None, "suppressed"]
    lift_suppression(suppression=row)
    assert against(bea, channel="sms") is None


def test_suppressed_address_is_recognised_without_its_text(bea: Member) -> None:
    suppress_address(channel="email", address="bea@example.com", reason="complained")
    Suppression.objects.update(address=None)
    assert against(bea) == "suppressed"
    assert suppress_address(channel="email", address="bea@example.com", reason="again")[1] is False


def test_no_module_sends_mail_that_this_test_does_not_know() -> None:
    """Whoever adds a way out adds the test that shows the gate being asked at the moment of sending."""
    root = Path(settings.BASE_DIR)
    rooms = ("urm", "members", "segments", "campaigns", "feedback", "loyalty", "analytics")
    found = {
        str(file.relative_to(root))
        for room in rooms
        for file in (root / room).rglob("*.py")
        if re.search(r"\bSmtpSession\b|\bsmtplib\b|\bEmailMessage\b|\bEmailMultiAlternatives\b", file.read_text())
    }
    transport = {name for name in found if name.startswith("urm/channels/email/")}
    assert found - transport == set(WAYS_OUT)
    assert [test for test in WAYS_OUT.values() if "suppress_address" not in (root / test).read_text()] == []


def test_mails_to_staff_are_the_only_ones_beside() -> None:
    root = Path(settings.BASE_DIR)
    senders = {
        str(file.relative_to(root))
        for file in root.glob("*/**/*.py")
        if ".venv" not in file.parts and "tests" not in file.parts and re.search(r"\bsend_mail\(", file.read_text())
    }
    assert senders == {"urm/ui/actions/staff.py"}


def test_answer_comes_in_one_query_for_many(bea: Member, django_assert_num_queries: object) -> None:
    others = [Member.objects.create(external_id=f"m{n}", first_seen_at=timezone.now()) for n in range(3)]
    with django_assert_num_queries(1):  # type: ignore[operator]
        found = obstacles([bea.pk, *(one.pk for one in others)], channel="email", purpose="marketing")
    assert found == {one.pk: "no_address" for one in others}
