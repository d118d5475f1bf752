"""A segment with people in every situation, a message for them, and a mail server that counts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from campaigns.actions.campaigns import create_campaign
from campaigns.actions.messages import create_message
from campaigns.models import Campaign, Message
from members.actions import record_consent
from members.models import Member, MemberState
from segments.models import Segment, StaticMember
from tests.channels.smtp_server import Taken, smtp_server

BODY = """
<h1>Hello {{ member.first_name | default: "you" }}</h1>
<p>{{ segment.value_proposition }}</p>
<p><a href="https://shop.example/sale?a=1&amp;b=2">Sale</a> <a href="https://shop.example/new">New</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
"""


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[Taken]:
    with smtp_server() as server:
        settings.EMAIL = {**settings.EMAIL, "host": "127.0.0.1", "port": server.port}
        yield server


def make_segment(name: str = "Regulars") -> Segment:
    return Segment.objects.create(
        name=name, kind=Segment.Kind.STATIC, stale=False, value_proposition="Fresh bread & cheese"
    )


def make_member(segment: Segment, number: int, *, consent: bool = True, **fields: Any) -> Member:
    values = {"email": f"ok{number}@example.com", "first_name": f"Name{number}", **fields}
    member = Member.objects.create(external_id=f"m-{number}", **values)
    StaticMember.objects.create(segment=segment, member=member, added_by="test")
    MemberState.objects.create(member=member, segment_ids=[segment.pk])
    if consent:
        record_consent(member=member, channel="email", purpose="marketing", granted=True, source="test")
    return member


def make_message(**fields: Any) -> Message:
    return create_message(**{"name": "Sale", "subject": "For {{ member.first_name }}", "body": BODY, **fields})


def make_campaign(segment: Segment, message: Message | None = None, **fields: Any) -> Campaign:
    return create_campaign(**{"name": "Spring", "segment": segment, "message": message or make_message(), **fields})


@pytest.fixture
def crowd(in_acme: object) -> Callable[..., Campaign]:
    """crowd(n) → a draft for a segment of n members who can all be written to."""

    def make(count: int = 3, **fields: Any) -> Campaign:
        segment = make_segment()
        for number in range(count):
            make_member(segment, number)
        return make_campaign(segment, **fields)

    return make
