"""An NPS survey that follows purchases, and a member who may be written to."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from feedback.actions import create_survey
from feedback.models import Survey
from members.actions import accept_events, canonical_event, record_consent, upsert_member
from members.models import Member
from tests.channels.smtp_server import Taken, smtp_server
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

QUESTIONS = (
    {"kind": "nps", "text_en": "Would you recommend us?", "text_zh": "您会推荐我们吗？"},
    {"kind": "rating", "text_en": "How was the delivery?", "text_zh": "配送如何？", "required": False},
    {
        "kind": "choice",
        "text_en": "What did you come for?",
        "text_zh": "您为何而来？",
        "required": False,
        "choices": [["price", "The price", "价格"], ["choice", "The choice", "选择"]],
    },
    {"kind": "text", "text_en": "What can we do better?", "text_zh": "我们可以怎样改进？", "required": False},
)


def make_survey(**values: Any) -> Survey:
    return create_survey(
        **{
            "name": "NPS after purchase",
            "title_en": "How did we do?",
            "title_zh": "您满意吗？",
            "active": True,
            "trigger_event": "purchase",
            "questions": QUESTIONS,
            **values,
        }
    )


def make_member(external_id: str, *, consent: bool = True, **traits: Any) -> Member:
    traits = {"email": f"{external_id}@example.com", "first_name": external_id.title(), **traits}
    member = upsert_member(external_id=external_id, traits=traits)[0]
    if consent:
        record_consent(member=member, channel="email", purpose="marketing", granted=True, source="checkout")
    return member


@pytest.fixture
def survey(in_acme: Tenant) -> Survey:
    return make_survey()


@pytest.fixture
def ada(in_acme: Tenant) -> Member:
    return make_member("ada")


@pytest.fixture
def happen(in_acme: Tenant) -> Callable[..., None]:
    """happen("ada", hours_ago=3) sends a purchase through the front door and lets consumers see it."""

    def send(external_id: str, name: str = "purchase", *, hours_ago: float = 0) -> None:
        now = datetime.now(UTC)
        moment = (timezone.now() - timedelta(hours=hours_ago)).isoformat()
        event = {"name": name, "external_id": external_id, "occurred_at": moment}
        accept_events([canonical_event(event, trusted=True, now=now)])
        drain(in_acme.pk, names=["stream"])

    return send


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Taken]:
    """What a real SMTP server is given."""
    with smtp_server() as taken:
        settings.EMAIL = {**settings.EMAIL, "host": "127.0.0.1", "port": taken.port}
        yield taken
