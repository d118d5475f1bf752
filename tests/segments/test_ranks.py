"""Ranks: thresholds frozen in the night, shown, and moved by the night only."""

from decimal import Decimal

import pytest

from members.models import DirtyMember, Member, MemberState
from segments.actions import create_segment, freeze_ranks, recompute_segments, refresh_members
from segments.models import Change, RankThreshold, Segment
from segments.queries import explain_membership, matching_external_ids, rule_in_words
from tests.segments.conftest import Buy

TOP = {"fact": "rank", "name": "purchase", "measure": "sum:amount", "top_percent": 40, "op": "is_true"}


@pytest.fixture
def spenders(buy: Buy) -> list[Member]:
    """Five who spent 10 to 50, and one who never bought."""
    Member.objects.create(external_id="idle")
    return [buy(f"c-{number}", amount=10 * number) for number in range(1, 6)]


def top() -> Segment:
    segment = create_segment(name="Top", rule=TOP)
    recompute_segments()
    return segment


def inside(segment: Segment) -> list[str]:
    ids = MemberState.objects.filter(segment_ids__contains=[segment.pk]).values_list("member__external_id", flat=True)
    return sorted(str(one) for one in ids)


def test_top_percent_is_of_those_who_took_part(spenders: list[Member]) -> None:
    assert matching_external_ids(TOP) == ["c-4", "c-5"]
    assert matching_external_ids({**TOP, "top_percent": 41}) == ["c-3", "c-4", "c-5"]
    assert matching_external_ids({**TOP, "top_percent": 0.01}) == ["c-5"]
    assert matching_external_ids({**TOP, "top_percent": 100}) == ["c-1", "c-2", "c-3", "c-4", "c-5"]


def test_equal_values_are_in_together(spenders: list[Member], buy: Buy) -> None:
    buy("c-9", amount=40)
    assert matching_external_ids({**TOP, "top_percent": 30}) == ["c-4", "c-5", "c-9"]


def test_threshold_stays_as_it_was_frozen_until_the_night(spenders: list[Member], buy: Buy) -> None:
    segment = top()
    assert RankThreshold.objects.get().threshold == Decimal(40)
    buy("c-1", amount=35)  # 45: enough for the threshold of last night
    buy("c-8", amount=39)
    refresh_members()
    assert inside(segment) == ["c-1", "c-4", "c-5"]
    assert freeze_ranks(missing_only=False) == 0  # six took part: the third has 40 still
    buy("c-2", amount=100)
    buy("c-3", amount=100)
    refresh_members()
    assert freeze_ranks(missing_only=False) == 2
    assert RankThreshold.objects.get().threshold == Decimal(50)
    assert set(DirtyMember.objects.values_list("member_id", flat=True)) == {spenders[0].pk, spenders[3].pk}
    refresh_members()
    assert inside(segment) == ["c-2", "c-3", "c-5"]
    assert set(Change.objects.filter(entered=False).values_list("cause", flat=True)) == {"time"}
    assert recompute_segments(stale=None).changed == 0


def test_rank_nobody_takes_part_in_holds_nobody_until_the_night(shop: object, buy: Buy) -> None:
    segment = top()
    assert RankThreshold.objects.get().threshold is None
    buy("c-1")
    refresh_members()
    assert inside(segment) == []
    assert freeze_ranks(missing_only=False) == 1
    refresh_members()
    assert inside(segment) == ["c-1"]


def test_thresholds_nobody_asks_for_are_forgotten(spenders: list[Member]) -> None:
    segment = top()
    segment.delete()
    freeze_ranks(missing_only=False)
    assert RankThreshold.objects.count() == 0


def test_words_and_explanation_show_the_threshold(spenders: list[Member]) -> None:
    segment = top()
    assert rule_in_words(TOP, "en") == ("is in the top 40 % by the total amount of “purchase”, the threshold being 40")
    assert rule_in_words(TOP, "zh-hans") == "“purchase”的 amount 总和位于前 40%，门槛 40"
    shown = explain_membership(segment, spenders[2])
    assert (shown.met, shown.actual) == (False, "30")
    assert shown.event is not None
    assert shown.event.amount == Decimal(30)
