"""Messages in the rule language."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.events import MessageClicked, MessageOpened, MessageSent
from campaigns.models import Campaign
from members.actions import emit
from members.consumers.absorb import absorb
from members.models import Member
from segments.queries import explain_rule, matching_external_ids, rule_in_words
from tests.campaigns.conftest import make_campaign
from urm.rules import RuleError, check
from urm.rules.workspace import current_names

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def spring(crowd: Callable[..., Campaign]) -> Campaign:
    """Sent to m-0 and m-1; m-0 opened it and clicked on two links, m-1's server looked at it; m-2 got another one."""
    spring = crowd(3)
    autumn = make_campaign(spring.segment, name="Autumn")
    members = [Member.objects.get(external_id=f"m-{number}") for number in range(3)]
    sent = [(members[0], spring), (members[1], spring), (members[2], autumn)]
    emit(
        [MessageSent(member_id=member.pk, campaign=one.pk, channel="email") for member, one in sent],
        at=NOW - timedelta(days=10),
    )
    common: dict[str, Any] = {"campaign": spring.pk, "channel": "email"}
    emit(
        [
            MessageOpened(member_id=members[0].pk, machine=False, **common),
            MessageOpened(member_id=members[1].pk, machine=True, **common),
            MessageClicked(member_id=members[0].pk, link=1, url="https://shop.example/a", **common),
            MessageClicked(member_id=members[0].pk, link=2, url="https://shop.example/b", **common),
        ],
        at=NOW - timedelta(days=1),
    )
    absorb()
    Member.objects.update(first_seen_at=NOW - timedelta(days=90))
    return spring


def message(what: str, op: str, value: int, **more: Any) -> dict[str, Any]:
    return {"fact": "message", "what": what, **more, "op": op, "value": value}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (message("sent", "gte", 1), ["m-0", "m-1", "m-2"]),
        (message("sent", "gte", 1, window={"days": 7}), []),
        (message("opened", "gte", 1), ["m-0"]),
        (message("opened", "eq", 0), ["m-1", "m-2"]),
        (message("clicked", "eq", 2, window={"days": 7}), ["m-0"]),
    ],
)
def test_messages_are_counted(spring: Campaign, rule: dict[str, Any], expected: list[str]) -> None:
    assert matching_external_ids(rule, NOW) == expected


def test_messages_of_one_campaign_are_counted(spring: Campaign) -> None:
    assert matching_external_ids(message("sent", "gte", 1, campaign=spring.pk), NOW) == ["m-0", "m-1"]


def test_an_unknown_campaign_is_refused(spring: Campaign) -> None:
    with pytest.raises(RuleError) as refused:
        check(message("sent", "gte", 1, campaign=spring.pk + 1000), current_names())
    assert refused.value.path == "campaign"


def test_messages_in_words(spring: Campaign) -> None:
    rule = message("clicked", "gte", 2, campaign=spring.pk, window={"days": 30})
    assert rule_in_words(rule, "en") == (
        "the number of links clicked in messages of the campaign “Spring” in the last 30 days is at least 2"
    )
    assert rule_in_words(rule, "zh-hans") == "最近 30 天活动“Spring”中点击的消息链接数不少于 2"
    assert rule_in_words(message("sent", "eq", 0), "en") == "the number of messages sent is 0"


def test_explanation_names_the_last_click(spring: Campaign) -> None:
    names = current_names()
    rule = check(message("clicked", "gte", 3), names)
    shown = explain_rule(rule, Member.objects.get(external_id="m-0"), names, NOW)
    assert (shown.met, shown.actual) == (False, "2")
    assert shown.event is not None
    assert shown.event.name == "urm.message.clicked"
