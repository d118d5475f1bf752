"""Double opt-in: nothing holds before the link in the mail was opened and confirmed."""

import contextvars
import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from members.actions import ask_for_consent, ask_for_erasure, request_erasure, suppress_address
from members.models import Confirmation, Consent, ConsentRecord, Member, Suppression
from tests.channels.smtp_server import Taken
from urm.lib.tokens import seal
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


def link_in(server: Taken, index: int = 0) -> str:
    text = str(server.message(index).get_content())
    return str(re.findall(r"http://localhost:8000(/c/\S+)", text)[0])


def consents(member: Member) -> list[tuple[str, str, bool]]:
    return list(Consent.objects.filter(member=member).values_list("channel", "purpose", "granted"))


@pytest.fixture
def asked(ada: Member, acme: Tenant, mail_server: Taken) -> str:
    ask_for_consent(member=ada, purpose="newsletter", source="footer", wording="newsletter/en/1")
    drain(acme.pk)
    return link_in(mail_server)


def test_consent_is_pending_until_the_link_is_confirmed(asked: str, ada: Member, visitor: Client) -> None:
    assert consents(ada) == []
    assert visitor.get(asked).status_code == 200  # a scanner that follows links
    assert consents(ada) == []
    answer = visitor.post(asked)
    assert (answer.status_code, answer.cookies) == (200, {})
    assert consents(ada) == [("email", "newsletter", True)]


def test_confirmation_is_a_record_with_its_proof(asked: str, ada: Member, visitor: Client) -> None:
    visitor.post(asked)
    [record], [confirmation] = ConsentRecord.objects.all(), Confirmation.objects.all()
    assert (record.granted, record.source, record.wording) == (True, "double opt-in: footer", "newsletter/en/1")
    assert record.recorded_by == f"#{ada.pk}"
    assert record.at == confirmation.confirmed_at
    assert re.fullmatch(rf"confirmation {confirmation.pk}, address [0-9a-f]{{16}}", record.proof)
    assert "ada@" not in record.proof


def test_confirming_twice_adds_nothing(asked: str, ada: Member, visitor: Client) -> None:
    for _time in range(2):
        assert visitor.post(asked).status_code == 200
    assert ConsentRecord.objects.count() == 1


def test_expired_link_confirms_nothing(asked: str, ada: Member, visitor: Client) -> None:
    Confirmation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert [visitor.get(asked).status_code, visitor.post(asked).status_code] == [410, 410]
    assert consents(ada) == []


@pytest.mark.parametrize("change", ["x", ""])
def test_tampered_link_is_not_found(asked: str, visitor: Client, change: str) -> None:
    path = asked[:-1] + change
    assert [visitor.get(path).status_code, visitor.post(path).status_code] == [404, 404]


def test_asking_again_at_once_sends_one_mail(ada: Member, acme: Tenant, mail_server: Taken) -> None:
    for _time in range(3):
        ask_for_consent(member=ada, purpose="newsletter", source="footer")
    drain(acme.pk)
    assert mail_server.recipients == ["ok.ada@example.com"]


def test_suppressed_address_is_not_asked(ada: Member) -> None:
    suppress_address(channel="email", address="OK.Ada@example.com", reason="complained")
    with pytest.raises(ValidationError) as refused:
        ask_for_consent(member=ada, purpose="newsletter", source="footer")
    assert refused.value.code == "suppressed"


@pytest.mark.parametrize(
    ("state", "reason"), [("suppressed", "on the suppression list"), ("erased", "erased or asked for it")]
)
def test_gate_is_asked_when_the_mail_goes_out(
    ada: Member, acme: Tenant, mail_server: Taken, state: str, reason: str
) -> None:
    ask_for_consent(member=ada, purpose="newsletter", source="footer")
    if state == "suppressed":
        suppress_address(channel="email", address="ok.ada@example.com", reason="complained")
    else:
        request_erasure(member=ada)
    drain(acme.pk, names=["members.confirmations"])
    assert mail_server.recipients == []
    assert list(Confirmation.objects.values_list("state", "detail")) == [("skipped", reason)]


def test_address_that_does_not_exist_is_suppressed(ada: Member, acme: Tenant, mail_server: Taken) -> None:
    Member.objects.update(email="gone.ada@example.com")
    ada.refresh_from_db()
    ask_for_consent(member=ada, purpose="newsletter", source="footer")
    drain(acme.pk)
    assert Confirmation.objects.get().state == "failed"
    assert list(Suppression.objects.values_list("address", "reason")) == [("gone.ada@example.com", "bounced")]


def test_mail_interrupted_by_a_crash_goes_out_again(ada: Member, acme: Tenant, mail_server: Taken) -> None:
    ask_for_consent(member=ada, purpose="newsletter", source="footer")
    Confirmation.objects.update(state="sending", tries=1, due_at=timezone.now() - timedelta(seconds=1))
    drain(acme.pk)
    assert mail_server.recipients == ["ok.ada@example.com"]
    assert Confirmation.objects.get().state == "sent"


def test_mail_speaks_the_members_language(ada: Member, acme: Tenant, mail_server: Taken) -> None:
    Member.objects.update(language="zh-CN")
    ask_for_consent(member=ada, purpose="newsletter", source="footer")
    drain(acme.pk)
    assert "请" in str(mail_server.message()["Subject"])


def test_erasure_needs_the_link_in_the_mail(ada: Member, acme: Tenant, mail_server: Taken, visitor: Client) -> None:
    ask_for_erasure(member=ada)
    drain(acme.pk)
    path = link_in(mail_server)
    visitor.get(path)
    ada.refresh_from_db()
    assert ada.erasure_requested_at is None
    visitor.post(path)
    drain(acme.pk)
    ada.refresh_from_db()
    assert (ada.erased_at is not None, ada.email) == (True, None)
    assert visitor.get(path).status_code == 404


def test_confirmation_of_another_workspace_is_not_found(asked: str, globex: Tenant, visitor: Client) -> None:
    there = f"/c/{seal('members.confirmation', globex.pk, Confirmation.objects.get().pk)}"
    context = contextvars.Context()
    assert context.run(visitor.post, there).status_code == 404
    assert ConsentRecord.objects.count() == 0
