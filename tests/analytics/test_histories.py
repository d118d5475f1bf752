"""Whatever happens to histories (events late, repeated, deleted, corrected; members merged and un-merged in any order):
what was kept step by step is what a plain reading of the events says, and what making it anew gives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.actions import request_rebuild
from analytics.models import MemberDay, MemberSummary
from loyalty.actions import reconcile, save_programme
from loyalty.models import Account
from members.actions import (
    MergeError,
    accept_events,
    canonical_event,
    correct_event,
    delete_event,
    merge_members,
    unmerge_members,
)
from members.consumers.absorb import absorb
from members.models import DailyCount, EventName, Member, MemberMerge, MemberState
from segments.actions import create_segment
from segments.models import Segment
from tests.rules.interpreter import Happening, Person, holds
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

PEOPLE = ["a", "b", "c", "d"]
ZONE = "America/New_York"
BASE = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)  # half past eleven in the evening before, in New York
RULES: list[dict[str, Any]] = [
    {"fact": "event", "name": "purchase", "measure": "count", "op": "gte", "value": 2},
    {"fact": "event", "name": "purchase", "measure": "sum:amount", "op": "gte", "value": 30},
    {"fact": "event", "name": ["purchase", "visit"], "measure": "days", "op": "gte", "value": 2},
    {"fact": "event", "name": "purchase", "measure": "distinct:sku", "op": "gte", "value": 2},
    {"fact": "event", "name": "purchase", "measure": "last", "op": "on_or_after", "value": "2026-02-20"},
    {
        "fact": "event",
        "name": "purchase",
        "measure": "count",
        "where": {"prop": "sku", "op": "eq", "value": "x"},
        "window": {"from": "2026-02-01T05:00:00Z", "to": "2026-03-01T04:40:00Z"},
        "op": "gte",
        "value": 1,
    },
    {
        "fact": "event",
        "name": "purchase",
        "measure": "count",
        "window": {"from": "2026-02-01T05:10:00Z", "to": "2026-03-01T04:35:00Z"},
        "op": "eq",
        "value": 1,
    },
]


@dataclass(frozen=True)
class Told:
    """One event as its sender told it; `number` is the sender's id."""

    number: int
    person: str
    name: str
    at: datetime
    amount: int
    sku: str

    def body(self) -> dict[str, Any]:
        return {
            "event_id": f"e{self.number}",
            "external_id": self.person,
            "name": self.name,
            "occurred_at": self.at.isoformat(),
            "amount": self.amount if self.name == "purchase" else None,
            "properties": {"sku": self.sku},
        }


@dataclass
class Story:
    """What a reader with a pencil would keep: the events that stand, ids ever used, and who was merged into whom."""

    events: dict[int, Told] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    into: dict[str, str] = field(default_factory=dict)

    def survivor(self, person: str) -> str:
        return self.survivor(self.into[person]) if person in self.into else person

    def of(self, person: str) -> list[Told]:
        return [event for event in self.events.values() if self.survivor(event.person) == person]


told = st.builds(
    Told,
    number=st.integers(0, 14),
    person=st.sampled_from(PEOPLE),
    name=st.sampled_from(["purchase", "purchase", "visit"]),
    at=st.builds(
        lambda days, minutes: BASE - timedelta(days=days) + timedelta(minutes=minutes),
        st.sampled_from([0, 0, 1, 28, 59]),
        st.integers(-1, 12).map(lambda n: n * 5),
    ),
    amount=st.sampled_from([5, 10, 25]),
    sku=st.sampled_from(["x", "y"]),
)
pairs = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))
steps = st.lists(
    st.one_of(
        st.lists(told, min_size=1, max_size=5).map(lambda events: ("send", events)),
        st.lists(told, min_size=1, max_size=5).map(lambda events: ("send", events)),
        pairs.map(lambda pair: ("merge", pair)),
        st.integers(0, 5).map(lambda place: ("unmerge", place)),
        st.integers(0, 14).map(lambda number: ("delete", number)),
        told.map(lambda event: ("correct", event)),
        st.just(("settle", None)),
    ),
    min_size=3,
    max_size=14,
)


def _send(story: Story, events: list[Told]) -> None:
    accept_events([canonical_event(event.body(), trusted=True, now=timezone.now()) for event in events])
    absorb()
    for event in events:
        if event.number not in story.used:
            story.used.add(event.number)
            story.events[event.number] = event


def _merge(story: Story, pair: tuple[str, str]) -> None:
    survivor, other = (Member.objects.filter(external_id=one).first() for one in pair)
    if survivor is None or other is None or pair[0] == pair[1] or story.into.keys() & set(pair):
        return
    merge_members(survivor=survivor, other=other)
    story.into[pair[1]] = pair[0]


def _unmerge(story: Story, place: int) -> None:
    standing = list(MemberMerge.objects.filter(unmerged_at=None).order_by("pk"))
    if not standing:
        return
    merge = standing[place % len(standing)]
    if merge.survivor.merged_into_id is not None:
        with pytest.raises(MergeError):
            unmerge_members(merge=merge)
        return
    unmerge_members(merge=merge)
    del story.into[merge.other.external_id or ""]


def _delete(story: Story, number: int) -> None:
    if number in story.events:
        delete_event(event_id=f"e{number}")
        del story.events[number]


def _correct(story: Story, event: Told) -> None:
    if event.number in story.events:
        correct_event(event_id=f"e{event.number}", event=event.body())
        absorb()
        story.events[event.number] = event


def _settle(story: Story, _nothing: None) -> None:
    drain(Tenant.objects.get(slug="acme").pk, names=["stream", "rollups"])


DO: dict[str, Callable[[Story, Any], None]] = {
    "send": _send,
    "merge": _merge,
    "unmerge": _unmerge,
    "delete": _delete,
    "correct": _correct,
    "settle": _settle,
}


@pytest.fixture
def shop(in_acme: Tenant) -> Tenant:
    """Acme with a points programme and a segment for each rule, settled."""
    for name in ("purchase", "visit"):
        EventName.objects.create(name=name)
    save_programme(name="Club", points_per_unit=2)
    for number, rule in enumerate(RULES):
        create_segment(name=f"Rule {number}", rule=rule)
    drain(in_acme.pk)
    return in_acme


def _days(story: Story, member: Member) -> dict[tuple[str, Any], tuple[int, int, datetime, datetime]]:
    found: dict[tuple[str, Any], list[Told]] = {}
    for event in story.of(member.external_id or ""):
        found.setdefault((event.name, event.at.astimezone(ZoneInfo(ZONE)).date()), []).append(event)
    return {
        key: (
            len(events),
            sum(event.amount for event in events if event.name == "purchase"),
            min(event.at for event in events),
            max(event.at for event in events),
        )
        for key, events in found.items()
    }


def _counted(member: Member) -> dict[tuple[str, Any], tuple[int, int, datetime, datetime]]:
    names = dict(EventName.objects.filter(platform=False).values_list("id", "name"))
    return {
        (names[row.name_id], row.day): (row.count, int(row.amount_sum or 0), row.first_at, row.last_at)
        for row in DailyCount.objects.filter(member_id=member.pk, name_id__in=names)
    }


def _person(story: Story, member: Member) -> Person:
    happened = [
        Happening(
            event.name, event.at, Fraction(event.amount) if event.name == "purchase" else None, {"sku": event.sku}
        )
        for event in story.of(member.external_id or "")
    ]
    return Person(
        profile={"first_seen_at": member.first_seen_at, "created_at": member.created_at},
        attributes={},
        types={},
        tags={},
        events=happened,
        consents={},
        suppressed=set(),
    )


def _figures() -> list[Any]:
    return [
        sorted(MemberDay.objects.values_list("day", "member_id", "events", "orders", "revenue")),
        sorted(
            MemberSummary.objects.values_list(
                "member_id", "first_active_day", "last_active_day", "first_order_day", "cohort", "orders", "revenue"
            ),
            key=str,
        ),
    ]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(plan=steps)
def test_what_is_kept_is_what_the_events_say(shop: Tenant, plan: list[tuple[str, Any]]) -> None:
    with transaction.atomic():
        story = Story()
        for verb, what in plan:
            DO[verb](story, what)
        _settle(story, None)
        segments = dict(Segment.objects.values_list("name", "id"))
        now = timezone.now()
        for member in Member.objects.order_by("pk"):
            lives = (member.external_id or "") not in story.into
            assert (member.merged_into_id is None) == lives
            assert _counted(member) == _days(story, member), plan
            state = MemberState.objects.filter(member=member).first()
            person = _person(story, member)
            expected = [
                segments[f"Rule {number}"]
                for number, rule in enumerate(RULES)
                if lives and holds(rule, person, now, ZONE)
            ]
            assert (state.segment_ids if state else []) == expected, plan
            account = Account.objects.filter(member=member).first()
            earned = sum(2 * event.amount for event in story.of(member.external_id or "") if event.name == "purchase")
            assert ((account.balance, account.lifetime_points) if account else (0, 0)) == (earned, earned), plan
        assert reconcile().drifts == []
        kept = _figures()
        request_rebuild()
        _settle(story, None)
        assert _figures() == kept, plan
        assert {row[1] for row in kept[0]} == {
            member.pk for member in Member.objects.all() if story.of(member.external_id or "")
        }
        transaction.set_rollback(True)
