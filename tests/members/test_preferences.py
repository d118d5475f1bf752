"""The preference centre: a sealed link, no log-in, nothing changes by looking."""

import re

import pytest
from django.test import Client

from members.actions import publish_wording, record_consent
from members.actions.consents import register_purpose
from members.models import Confirmation, Consent, ConsentRecord, Member
from members.queries.links import NOBODY, preferences_path
from urm.audit.models import AuditEntry


def said(member: Member) -> dict[tuple[str, str], bool]:
    rows = Consent.objects.filter(member=member).values_list("channel", "purpose", "granted")
    return {(channel, purpose): granted for channel, purpose, granted in rows}


@pytest.fixture
def page(ada: Member) -> str:
    for key in ("marketing", "newsletter"):
        register_purpose(key=key)
    record_consent(member=ada, channel="email", purpose="marketing", granted=True, source="checkout")
    return preferences_path(ada.pk)


def test_page_shows_purposes_channels_and_words(page: str, ada: Member, visitor: Client) -> None:
    publish_wording(purpose=register_purpose(key="newsletter"), language="en", text="A letter every month.")
    body = visitor.get(page).content.decode()
    boxes = re.findall(r'name="chosen" value="([^"]+)"( checked)?', body)
    assert boxes == [
        ("email.marketing", " checked"),
        ("sms.marketing", ""),
        ("email.newsletter", ""),
        ("sms.newsletter", ""),
    ]
    assert "A letter every month." in body
    assert ("o…@example.com" in body, "ok.ada@example.com" in body, "Ada" in body) == (True, False, False)


def test_get_changes_nothing(page: str, ada: Member, visitor: Client) -> None:
    visitor.get(page, {"do": "leave", "shown": "email.marketing"})
    visitor.head(page)
    assert said(ada) == {("email", "marketing"): True}


def test_choices_are_recorded_with_source_words_and_proof(page: str, ada: Member, visitor: Client) -> None:
    words = publish_wording(purpose=register_purpose(key="newsletter"), language="en", text="A letter every month.")
    shown = ["email.marketing", "sms.marketing", "email.newsletter", "sms.newsletter"]
    answer = visitor.post(page, {"do": "save", "shown": shown, "chosen": ["email.newsletter"], "lang": "en"})
    assert (answer.status_code, answer.headers["Location"], answer.cookies) == (303, f"{page}?said=saved&lang=en", {})
    assert said(ada) == {("email", "marketing"): False, ("email", "newsletter"): True}
    newest = ConsentRecord.objects.order_by("-pk")[0]
    assert (newest.source, newest.wording, newest.proof, newest.recorded_by) == (
        "preference centre",
        words.reference,
        "the member's own link",
        f"#{ada.pk}",
    )
    assert ConsentRecord.objects.count() == 3  # what did not change is not said again


def test_choice_that_was_not_shown_is_left_alone(page: str, ada: Member, visitor: Client) -> None:
    visitor.post(page, {"do": "save", "shown": ["email.newsletter"], "chosen": ["sms.marketing", "nonsense"]})
    assert said(ada) == {("email", "marketing"): True}


def test_hidden_purpose_can_be_withdrawn_once_given(page: str, ada: Member, visitor: Client) -> None:
    purpose = register_purpose(key="newsletter")
    purpose.offered = False
    purpose.save()
    assert "email.newsletter" not in visitor.get(page).content.decode()
    record_consent(member=ada, channel="email", purpose="newsletter", granted=True, source="till")
    assert "email.newsletter" in visitor.get(page).content.decode()


def test_leaving_withdraws_everything(page: str, ada: Member, visitor: Client) -> None:
    record_consent(member=ada, channel="push", purpose="service", granted=True, source="app")
    visitor.post(page, {"do": "leave"})
    assert said(ada) == {("email", "marketing"): False, ("push", "service"): False}


@pytest.mark.parametrize("kind", ["download", "erasure"])
def test_own_data_is_asked_for_by_mail(page: str, ada: Member, visitor: Client, kind: str) -> None:
    answer = visitor.post(page, {"do": kind})
    assert answer.status_code == 303
    assert list(Confirmation.objects.values_list("kind", "address")) == [(kind, "ok.ada@example.com")]
    ada.refresh_from_db()
    assert ada.erasure_requested_at is None


@pytest.mark.parametrize(
    ("language", "wanted", "heading"),
    [
        ("en", "", "Your preferences"),
        ("zh", "", "您的偏好设置"),
        ("zh", "en", "Your preferences"),
        ("en", "zh-hans", "您的偏好设置"),
    ],
)
def test_page_speaks_the_members_language_or_the_chosen_one(
    page: str, ada: Member, visitor: Client, language: str, wanted: str, heading: str
) -> None:
    Member.objects.update(language=language)
    answer = visitor.get(page, {"lang": wanted} if wanted else {})
    assert f"<h1>{heading}</h1>" in answer.content.decode()


def test_link_of_a_test_message_changes_nothing(page: str, ada: Member, visitor: Client) -> None:
    for answer in (visitor.get(preferences_path(NOBODY)), visitor.post(preferences_path(NOBODY), {"do": "leave"})):
        assert (answer.status_code, "test message" in answer.content.decode()) == (200, True)
    assert said(ada) == {("email", "marketing"): True}


def test_tampered_link_is_not_found(page: str, visitor: Client) -> None:
    wrong = page[:-2] + ("AA" if page[-2:] != "AA" else "BB")
    assert [visitor.get(wrong).status_code, visitor.post(wrong, {"do": "leave"}).status_code] == [404, 404]


def test_link_of_a_merged_member_leads_to_the_survivor(page: str, ada: Member, visitor: Client) -> None:
    survivor = Member.objects.create(external_id="bea", email="bea@example.com")
    Member.objects.filter(pk=ada.pk).update(merged_into=survivor)
    assert "b…@example.com" in visitor.get(page).content.decode()


def test_page_keeps_no_secrets_from_logs_or_referrers(page: str, visitor: Client) -> None:
    headers = visitor.get(page).headers
    assert (headers["Referrer-Policy"], "no-store" in headers["Cache-Control"]) == ("no-referrer", True)
    assert AuditEntry.objects.filter(actor_kind="member").count() == 0
