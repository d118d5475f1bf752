"""The portrait of a segment against plain counting over Python lists."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.queries import portrait as module
from analytics.queries.portrait import Feature, portrait
from members.actions import accept_events, canonical_event, upsert_member
from members.consumers.absorb import absorb
from members.models import AttributeDefinition, Member
from segments.actions import add_to_list, create_segment, recompute_segments
from segments.models import Segment
from urm.tenancy.models import Tenant

CITIES = ("Bath", "Ely", "Wells")
HOUR = 15


def _people(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"c-{number}",
            "city": CITIES[number % 3] if number % 4 else None,
            "gender": "female" if number % 2 else "male",
            "drink": "tea" if number % 5 else "coffee",
            "inside": number % 7 < 3,
            "visits": number % 3,
            "topic": "garden" if number % 2 else "kitchen",
        }
        for number in range(count)
    ]


@pytest.fixture
def world(in_acme: Tenant) -> tuple[Segment, list[dict[str, Any]]]:
    AttributeDefinition.objects.create(name="drink", type="choice", label_en="Drink", choices=["tea", "coffee"])
    AttributeDefinition.objects.create(
        name="nickname", type="choice", label_en="Nickname", choices=["Bo"], personal=True
    )
    people = _people(90)
    now = timezone.now()
    day = (now - timedelta(days=2)).astimezone(in_acme.zone).replace(hour=HOUR, minute=5)
    items = []
    for one in people:
        attributes = {"drink": one["drink"], "nickname": "Bo"}
        traits = {"city": one["city"], "gender": one["gender"], "attributes": attributes}
        upsert_member(external_id=one["id"], traits={name: value for name, value in traits.items() if value})
        items += [
            canonical_event(
                {
                    "external_id": one["id"],
                    "name": "page_view",
                    "occurred_at": day.isoformat(),
                    "properties": {"topic": one["topic"], "secret": one["id"]},
                },
                trusted=True,
                now=now,
            )
            for _visit in range(one["visits"])
        ]
    accept_events(items)
    while absorb():
        pass
    segment = create_segment(name="Chosen", kind="static")
    chosen = [one["id"] for one in people if one["inside"]]
    add_to_list(segment=segment, members=list(Member.objects.filter(external_id__in=chosen)))
    recompute_segments()
    return segment, people


def named(features: list[Feature], name: str) -> dict[str, tuple[int, int]]:
    (feature,) = [one for one in features if one.name == name]
    return {share.key: (share.inside, share.outside) for share in feature.shares}


def counted(people: list[dict[str, Any]], value: str) -> dict[str, tuple[int, int]]:
    inside = Counter(one[value] for one in people if one["inside"] and one[value] is not None)
    outside = Counter(one[value] for one in people if not one["inside"] and one[value] is not None)
    return {key: (inside[key], outside[key]) for key in inside | outside}


def test_portrait_counts_as_plain_python_does(world: tuple[Segment, list[dict[str, Any]]]) -> None:
    segment, people = world
    found = portrait(segment)
    inside = sum(one["inside"] for one in people)
    assert (found.size, found.others, found.looked_at, found.sampled) == (
        inside,
        len(people) - inside,
        (inside, len(people) - inside),
        False,
    )
    assert named(found.features, "profile.city") == counted(people, "city")
    assert named(found.features, "profile.gender") == counted(people, "gender")
    assert named(found.features, "attribute.drink") == counted(people, "drink")
    active = [one for one in people if one["visits"]]
    assert named(found.features, "interests") == {
        f"topic: {key}": pair for key, pair in counted(active, "topic").items()
    }
    did = sum(one["inside"] for one in active)
    assert named(found.features, "behaviour") == {"page_view": (did, len(active) - did)}
    events = [sum(one["visits"] for one in people if one["inside"] is side) for side in (True, False)]
    assert ([found.hours[0][HOUR], found.hours[1][HOUR]], sum(found.hours[0])) == (events, events[0])
    assert [sum(found.weekdays[0]), sum(found.weekdays[1])] == events
    assert {"attribute.nickname"} & {one.name for one in found.features} == set()  # personal data


def test_index_compares_shares_and_marks_small_samples(world: tuple[Segment, list[dict[str, Any]]]) -> None:
    segment, people = world
    (feature,) = [one for one in portrait(segment).features if one.name == "profile.city"]
    for share in feature.shares:
        known = [one for one in people if one["city"]]
        inside = [one for one in known if one["inside"]]
        outside = [one for one in known if not one["inside"]]
        ratio = (sum(one["city"] == share.key for one in inside) / len(inside)) / (
            sum(one["city"] == share.key for one in outside) / len(outside)
        )
        assert share.index == round(100 * ratio)
        assert share.small is (len(inside) < 30)


def test_sample_is_stated_and_smaller_than_the_crowd(
    world: tuple[Segment, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    segment, people = world
    monkeypatch.setattr(module, "SAMPLE", 20)
    found = portrait(segment)
    inside = sum(one["inside"] for one in people)
    assert (found.size, found.looked_at, found.sampled) == (inside, (20, 20), True)
    assert sum(pair[0] for pair in named(found.features, "profile.gender").values()) == 20


def test_segment_without_members_has_an_empty_portrait(in_acme: Tenant) -> None:
    segment = create_segment(name="Nobody", kind="static")
    recompute_segments()
    assert portrait(segment).features == []
