"""Scores against plain Python, what they mark, and the tags that follow them."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from members.actions import accept_events, canonical_event, upsert_member
from members.consumers.absorb import absorb
from members.models import DirtyMember, Event, EventName, Member, MemberState
from segments.actions import compute_scores, recompute_segments, request_scores, scores_are_due
from segments.models import Score, TagRule
from segments.queries.scores import spreads
from tests.ui.conftest import sign_in
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

NOW = datetime(2026, 3, 20, 17, tzinfo=UTC)
Told = list[tuple[str, str, datetime, dict[str, Any]]]


def told() -> Told:
    """Twelve people with purchases, some with discounts, some that share, at hours of their own."""
    found: Told = []
    for number in range(12):
        name = f"m{number}"
        for turn in range(number):
            at = NOW - timedelta(days=turn * 11 % 120, hours=number % 4)
            properties: dict[str, Any] = {"category": ("tea", "bread", "cake")[turn % 3]}
            if turn % 4 == number % 4:
                properties["discount"] = 5
            elif turn % 5 == 1:
                properties["coupon"] = "SPRING"
            elif turn % 5 == 2:
                properties["discount"] = "a lot"  # not a number
            found.append((name, "purchase", at, properties))
        if number % 3 == 0:
            found.append((name, "share", NOW - timedelta(days=number), {}))
            found.append((name, "referral", NOW - timedelta(days=number + 1), {}))
    return found


@pytest.fixture
def events(in_acme: Tenant) -> Told:
    rows = told()
    accept_events(
        [
            canonical_event(
                {"external_id": name, "name": kind, "occurred_at": at.isoformat(), "properties": properties},
                trusted=True,
                now=NOW,
            )
            for name, kind, at, properties in rows
        ]
    )
    while absorb():
        pass
    return rows


def stored(name: str) -> dict[str, float]:
    rows = Score.objects.filter(name=name).values_list("member__external_id", "value")
    return {str(external_id): float(value) for external_id, value in rows}


def test_activity_counts_days_that_fade(events: Told, in_acme: Tenant) -> None:
    compute_scores(now=NOW)
    today = NOW.astimezone(in_acme.zone).date()
    expected = {}
    for name in {event[0] for event in events}:
        days = {at.astimezone(in_acme.zone).date() for who, _kind, at, _properties in events if who == name}
        ages = [(today - day).days for day in days if (today - day).days < 90]
        if ages:
            expected[name] = 100 * (1 - math.exp(-sum(0.5 ** (age / 30) for age in ages) / 4))
    assert stored("activity") == pytest.approx(expected, abs=0.051)


def test_influence_weighs_what_is_passed_on(events: Told) -> None:
    compute_scores(now=NOW)
    worth = {"share": 1, "referral": 5}
    weights = Counter[str]()
    for name, kind, _at, _properties in events:
        weights[name] += worth.get(kind, 0)
    expected = {name: 100 * (1 - math.exp(-weight / 10)) for name, weight in weights.items() if weight}
    assert stored("influence") == pytest.approx(expected, abs=0.051)
    reasons = Score.objects.filter(name="influence").values_list("explanation", flat=True)
    assert {one["reasons"][0]["en"] for one in reasons} == {"in the last 365 days: referral × 1, share × 1"}


def test_price_sensitivity_is_drawn_towards_the_workspace(events: Told) -> None:
    compute_scores(now=NOW)
    bought, cheaper = Counter[str](), Counter[str]()
    for name, kind, _at, properties in events:
        if kind == "purchase":
            bought[name] += 1
            discount = properties.get("discount")
            cheaper[name] += bool(properties.get("coupon")) or (isinstance(discount, int) and discount > 0)
    share = sum(cheaper.values()) / sum(bought.values())
    expected = {name: 100 * (cheaper[name] + 2 * share) / (n + 2) for name, n in bought.items() if n >= 2}
    assert stored("price_sensitivity") == pytest.approx(expected, abs=0.051)


def test_preferred_hour_is_the_most_frequent_one(events: Told, in_acme: Tenant) -> None:
    compute_scores(now=NOW)
    hours: dict[str, Counter[int]] = {}
    for name, _kind, at, _properties in events:
        hours.setdefault(name, Counter())[at.astimezone(in_acme.zone).hour] += 1
    expected = {
        name: float(min(counted, key=lambda hour: (-counted[hour], hour)))
        for name, counted in hours.items()
        if sum(counted.values()) >= 5
    }
    assert stored("preferred_hour") == expected


def test_interests_count_topics_and_name_the_first(events: Told) -> None:
    compute_scores(now=NOW)
    topics: dict[str, Counter[str]] = {}
    for name, kind, _at, properties in events:
        if kind == "purchase":
            topics.setdefault(name, Counter())[properties["category"]] += 3
    assert stored("interests") == {name: float(len(counted)) for name, counted in topics.items()}
    (one,) = Score.objects.filter(name="interests", member__external_id="m1")
    assert one.explanation == {"reasons": [{"en": "tea: 100 %", "zh-hans": "tea：100%"}]}


def test_channel_is_that_of_opens_and_clicks_by_people(in_acme: Tenant) -> None:
    member, _created = upsert_member(external_id="ada", traits={})
    opened = EventName.objects.create(name="urm.message.opened", platform=True)
    clicked = EventName.objects.create(name="urm.message.clicked", platform=True)
    answers = [(opened, "email", False), (clicked, "email", False), (opened, "sms", False), (opened, "sms", True)]
    for number, (name, channel, machine) in enumerate(answers, start=1):
        Event.objects.create(
            id=number,
            received_at=NOW,
            member_id=member.pk,
            name_id=name.pk,
            occurred_at=NOW - timedelta(days=1),
            properties={"channel": channel, "machine": machine},
            trusted=True,
        )
    compute_scores(now=NOW)
    assert (stored("channel_email"), stored("channel_sms"), stored("channel_push")) == (
        {"ada": 80.0},
        {"ada": 20.0},
        {},
    )


def test_only_members_whose_score_changed_are_marked(events: Told) -> None:
    compute_scores(now=NOW)
    DirtyMember.objects.all().delete()
    assert compute_scores(now=NOW) == 0
    assert DirtyMember.objects.count() == 0
    Score.objects.filter(name="activity", member__external_id="m5").update(value=Decimal(1))
    compute_scores(now=NOW)
    assert list(DirtyMember.objects.values_list("member_id", flat=True)) == [Member.objects.get(external_id="m5").pk]


def test_score_goes_when_there_is_nothing_to_say_any_more(events: Told) -> None:
    compute_scores(now=NOW)
    compute_scores(now=NOW + timedelta(days=1000))
    assert Score.objects.count() == 0


def test_scores_are_due_by_night_and_when_asked_for(in_acme: Tenant) -> None:
    assert scores_are_due(now=NOW) is True
    compute_scores(now=NOW)
    assert scores_are_due(now=NOW) is False
    early = NOW.replace(hour=6) + timedelta(days=1)  # two o'clock in New York
    assert scores_are_due(now=early) is False
    assert scores_are_due(now=early + timedelta(minutes=31)) is True
    request_scores()
    assert scores_are_due(now=NOW) is True


def test_threshold_becomes_a_tag_that_follows_the_score(
    client: Client, events: Told, in_acme: Tenant, staff: Any
) -> None:
    compute_scores(now=NOW)
    found = stored("influence")
    sign_in(client, staff(in_acme, "marketer").email)
    given = {"score": "influence", "name": "spreads the word", "at_least": "40"}
    assert client.post("/w/acme/admin/scores/", given).status_code == 302
    with tenant_context(in_acme.pk):
        rule = TagRule.objects.get()
        assert (rule.tag.name, rule.tag.group, rule.rule) == (
            "spreads the word",
            "scores",
            {"version": 1, "fact": "score", "name": "influence", "op": "gte", "value": 40},
        )
        recompute_segments()
        tagged = MemberState.objects.filter(tag_ids__contains=[rule.tag_id]).values_list(
            "member__external_id", flat=True
        )
        assert set(tagged) == {name for name, value in found.items() if value >= 40}


def test_spread_counts_each_member_once(events: Told) -> None:
    compute_scores(now=NOW)
    found = spreads({"activity": 100, "preferred_hour": 23})
    values = sorted(stored("activity").values())
    assert found["activity"].count == len(values)
    assert [count for _label, count in found["activity"].bins] == [
        sum(low <= min(value, 99.9) < low + 10 for value in values) for low in range(0, 100, 10)
    ]
    hours = Counter(int(hour) for hour in stored("preferred_hour").values())
    assert [count for _label, count in found["preferred_hour"].bins] == [hours[hour] for hour in range(24)]
