"""New rules in a large workspace: slice by slice; what held before stands until the end; members move meanwhile."""

from datetime import timedelta

import pytest
from django.utils import timezone

from members.models import Member, MemberState
from segments.actions import background, create_segment, edit_segment, recompute_segments, refresh_members
from segments.actions.background import KIND, current_job, start_recompute
from segments.models import Change, PendingState, Segment, TouchedMember
from segments.queries import sizes
from segments.queries.checks import recompute_percent
from segments.tasks import compute_stale_rules
from tests.segments.conftest import Buy
from urm.jobs.actions import cancel_job, step_next_job
from urm.jobs.models import Job

BIG = {"fact": "event", "name": "purchase", "measure": "sum:amount", "op": "gte", "value": 100}
RECENT = {"fact": "event", "name": "purchase", "measure": "count", "window": {"days": 30}, "op": "gte", "value": 1}


@pytest.fixture
def crowd(buy: Buy, monkeypatch: pytest.MonkeyPatch) -> list[Member]:
    """Five members who bought for 60 to 140; two make a slice."""
    monkeypatch.setattr(background, "SLICE", 2)
    members = [buy(f"c-{number}", days_ago=10, amount=60 + 20 * number) for number in range(5)]
    refresh_members()
    return members


def held(members: list[Member]) -> list[list[int]]:
    states = dict(MemberState.objects.values_list("member_id", "segment_ids"))
    return [states.get(member.pk, []) for member in members]


def test_a_new_rule_is_computed_in_slices_and_takes_effect_at_once(crowd: list[Member]) -> None:
    big = create_segment(name="Big", rule=BIG)
    assert compute_stale_rules() is False
    seen = []
    while step_next_job():
        seen.append((recompute_percent(), sizes().get(big.pk, 0)))
    assert seen == [(40, 0), (80, 0), (99, 0), (None, 3)]
    assert held(crowd) == [[], [], [big.pk], [big.pk], [big.pk]]
    big.refresh_from_db()
    assert big.stale is False
    assert set(Change.objects.values_list("cause", "entered")) == {("rule", True)}
    assert (PendingState.objects.count(), TouchedMember.objects.count()) == (0, 0)
    assert recompute_segments(stale=None).changed == 0


def test_an_edited_rule_keeps_its_members_until_the_new_one_is_complete(crowd: list[Member]) -> None:
    big = create_segment(name="Big", rule=BIG)
    recompute_segments()
    edit_segment(segment=big, rule={**BIG, "op": "lt"})
    compute_stale_rules()
    step_next_job()
    step_next_job()
    assert held(crowd) == [[], [], [big.pk], [big.pk], [big.pk]]
    while step_next_job():
        pass
    assert held(crowd) == [[big.pk], [big.pk], [], [], []]


def test_members_who_move_meanwhile_are_computed_as_they_are_at_the_end(crowd: list[Member], buy: Buy) -> None:
    recent = create_segment(name="Recent", rule=RECENT)
    recompute_segments()
    big = create_segment(name="Big", rule=BIG)
    compute_stale_rules()
    for _slice in range(3):
        step_next_job()
    buy("c-0", amount=40)  # 100 now; was looked at when it was 60
    buy("c-9", amount=500)  # was not there
    refresh_members()
    assert TouchedMember.objects.count() == 2
    while step_next_job():
        pass
    newcomer = Member.objects.get(external_id="c-9")
    both, recently = [recent.pk, big.pk], [recent.pk]
    assert held([*crowd, newcomer]) == [both, recently, both, both, both, both]
    assert recompute_segments(stale=None).changed == 0


def test_a_member_whose_time_comes_meanwhile_is_not_written_as_it_was(crowd: list[Member]) -> None:
    recent = create_segment(name="Recent", rule=RECENT)
    compute_stale_rules()
    for _slice in range(3):
        step_next_job()
    PendingState.objects.filter(member_id=crowd[0].pk).update(segment_ids=[], next_at=timezone.now())
    while step_next_job():
        pass
    assert held(crowd) == [[recent.pk]] * 5


def test_editing_again_begins_anew(crowd: list[Member]) -> None:
    big = create_segment(name="Big", rule=BIG)
    compute_stale_rules()
    step_next_job()
    edit_segment(segment=big, rule={**BIG, "value": 140})
    step_next_job()
    assert recompute_percent() == 40
    while step_next_job():
        pass
    assert held(crowd) == [[], [], [], [], [big.pk]]


def test_cancelled_computation_leaves_what_held_and_waits_to_be_asked(crowd: list[Member]) -> None:
    big = create_segment(name="Big", rule=BIG)
    recompute_segments()
    edit_segment(segment=big, rule={**BIG, "op": "lt"})
    compute_stale_rules()
    step_next_job()
    job = Job.objects.get(kind=KIND)
    cancel_job(job=job)
    while step_next_job():
        pass
    assert held(crowd) == [[], [], [big.pk], [big.pk], [big.pk]]
    assert (PendingState.objects.count(), Segment.objects.get().stale) == (0, True)
    compute_stale_rules()  # the sweep
    assert current_job() == job
    assert start_recompute(again=True) != job
    while step_next_job():
        pass
    assert held(crowd) == [[big.pk], [big.pk], [], [], []]


def test_next_moment_of_other_rules_is_kept(crowd: list[Member]) -> None:
    create_segment(name="Recent", rule=RECENT)
    recompute_segments()
    before = dict(MemberState.objects.values_list("member_id", "next_at"))
    assert all(moment is not None and moment > timezone.now() + timedelta(days=19) for moment in before.values())
    create_segment(name="Big", rule=BIG)
    compute_stale_rules()
    while step_next_job():
        pass
    assert dict(MemberState.objects.values_list("member_id", "next_at")) == before
