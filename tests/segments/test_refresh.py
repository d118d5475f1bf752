"""Members enter and leave by events, by time and by new rules; each change is remembered and published once."""

from collections import Counter
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from members.actions import add_tag, erase_member, upsert_member
from members.models import DirtyMember, InboxEntry, Member, MemberState, Tag
from segments.actions import (
    add_to_list,
    create_segment,
    delete_segment,
    edit_segment,
    install_default_stages,
    recompute_segments,
    refresh_members,
    remove_from_list,
    set_tag_rule,
)
from segments.models import Change, Segment, Stage
from segments.queries import sizes, trend
from tests.segments.conftest import Buy
from urm.tenancy.models import Tenant, Wakeup
from urm.tenancy.work import drain

RECENT = {"fact": "event", "name": "purchase", "measure": "count", "window": {"days": 30}, "op": "gte", "value": 1}
BIG = {"fact": "event", "name": "purchase", "measure": "sum:amount", "op": "gte", "value": 100}


def segment(name: str, rule: dict[str, Any]) -> Segment:
    made = create_segment(name=name, rule=rule)
    recompute_segments()
    return made


def held(member: Member) -> list[int]:
    state = MemberState.objects.filter(member=member).first()
    return list(state.segment_ids) if state else []


def published() -> list[tuple[str, dict[str, Any]]]:
    items = [item for entry in InboxEntry.objects.order_by("id") for item in orjson.loads(entry.body)]
    return [(item["n"], item["p"]) for item in items if item["n"].startswith("urm.")]


def test_event_makes_a_member_enter_with_its_cause(buy: Buy) -> None:
    big = segment("Big", BIG)
    member = buy("c-1", amount=60)
    refresh_members()
    assert held(member) == []
    buy("c-1", amount=40)
    cause = DirtyMember.objects.get().cause_id
    result = refresh_members()
    assert result is not None
    assert (result.looked_at, result.changed, result.entered) == (1, 1, Counter({("segment", big.pk): 1}))
    assert held(member) == [big.pk]
    change = Change.objects.get()
    assert (change.kind, change.target_id, change.entered, change.cause, change.event_id) == (
        "segment",
        big.pk,
        True,
        "member",
        cause,
    )
    assert published() == [("urm.segment.entered", {"segment": big.pk, "title": "Big", "cause": cause})]


def test_refresh_again_changes_nothing(buy: Buy) -> None:
    segment("Big", BIG)
    buy("c-1", amount=100)
    refresh_members()
    result = refresh_members()
    assert result is not None
    assert result.looked_at == 0
    full = recompute_segments(stale=None)
    assert (full.changed, full.entered, full.left) == (0, Counter(), Counter())


def test_time_alone_makes_a_member_leave_at_the_exact_moment(buy: Buy) -> None:
    recent = segment("Recent", RECENT)
    member = buy("c-1", days_ago=29)
    refresh_members()
    assert held(member) == [recent.pk]
    last = member.first_seen_at
    state = MemberState.objects.get(member=member)
    assert state.next_at == last + timedelta(days=30, microseconds=1)
    too_early = refresh_members(as_of=state.next_at - timedelta(microseconds=1))
    assert too_early is not None
    assert too_early.looked_at == 0
    in_time = refresh_members(as_of=state.next_at)
    assert in_time is not None
    assert in_time.left == Counter({("segment", recent.pk): 1})
    assert held(member) == []
    assert Change.objects.order_by("-id")[0].cause == "time"
    assert MemberState.objects.get(member=member).next_at is None


@pytest.mark.django_db(transaction=False)
def test_alarm_is_set_for_the_earliest_moment(buy: Buy, django_capture_on_commit_callbacks: Any) -> None:
    segment("Recent", RECENT)
    member = buy("c-1", days_ago=29)
    Wakeup.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        refresh_members()
    due = Wakeup.objects.get(work="stream").due_at
    assert due <= member.first_seen_at + timedelta(days=30, microseconds=1)


def test_new_rule_is_filled_silently(buy: Buy) -> None:
    member = buy("c-1", amount=100)
    refresh_members()
    big = segment("Big", BIG)
    assert held(member) == [big.pk]
    assert [(change.cause, change.entered) for change in Change.objects.all()] == [("rule", True)]
    assert published() == []


def test_edited_rule_moves_members_silently(buy: Buy) -> None:
    member = buy("c-1", amount=100)
    big = segment("Big", BIG)
    edit_segment(segment=big, rule={**BIG, "value": 101})
    assert held(member) == [big.pk]  # what it held stands until it is computed again
    recompute_segments()
    assert held(member) == []
    assert published() == []


def test_segment_waiting_to_be_filled_is_left_alone_by_events(buy: Buy) -> None:
    create_segment(name="Big", rule=BIG)
    member = buy("c-1", amount=100)
    refresh_members()
    assert held(member) == []
    assert published() == []
    recompute_segments()
    assert held(member) == list(Segment.objects.values_list("id", flat=True))


def test_rule_driven_tag_is_read_in_the_same_pass(buy: Buy) -> None:
    set_tag_rule(name="hot", rule=RECENT)
    cold = segment("Cold", {"not": {"fact": "tag", "name": "hot", "op": "is_true"}})
    member = buy("c-1", days_ago=29)
    refresh_members()
    hot = Tag.objects.get(name="hot")
    state = MemberState.objects.get(member=member)
    assert (state.tag_ids, state.segment_ids) == ([hot.pk], [])
    result = refresh_members(as_of=timezone.now() + timedelta(days=2))
    assert result is not None
    assert (result.left, result.entered) == (Counter({("tag", hot.pk): 1}), Counter({("segment", cold.pk): 1}))
    assert Counter(name for name, _payload in published()) == Counter(
        ["urm.tag.added", "urm.tag.removed", "urm.segment.entered"]
    )


def test_manual_tags_stay_beside_rule_driven_ones(buy: Buy) -> None:
    set_tag_rule(name="hot", rule=RECENT)
    recompute_segments()
    member = buy("c-1", days_ago=29)
    add_tag(member=member, name="vip")
    refresh_members()
    ids = dict(Tag.objects.values_list("name", "id"))
    assert MemberState.objects.get(member=member).tag_ids == sorted([ids["hot"], ids["vip"]])
    refresh_members(as_of=timezone.now() + timedelta(days=2))
    assert MemberState.objects.get(member=member).tag_ids == [ids["vip"]]


def test_stages_follow_the_member(buy: Buy, shop: Tenant) -> None:
    install_default_stages()
    recompute_segments()
    keys = dict(Stage.objects.values_list("id", "key"))
    member = upsert_member(external_id="c-1", traits={})[0]
    refresh_members()

    def stage() -> tuple[str | None, str | None]:
        state = MemberState.objects.get(member=member)
        return keys.get(state.stage_id or 0), keys.get(state.previous_stage_id or 0)

    assert stage() == ("onboarding", None)
    buy("c-1", days_ago=0.01)
    refresh_members()
    assert stage() == ("conversion", "onboarding")
    assert ("urm.stage.changed", "conversion") in [(name, payload.get("stage")) for name, payload in published()]
    refresh_members(as_of=timezone.now() + timedelta(days=91))
    assert stage() == ("at_risk", "conversion")
    refresh_members(as_of=timezone.now() + timedelta(days=181))
    assert stage() == ("lost", "at_risk")


def test_static_list_and_a_segment_that_reads_it(buy: Buy) -> None:
    chosen = create_segment(name="Chosen", kind=Segment.Kind.STATIC)
    both = segment("Both", {"all": [{"fact": "segment", "id": chosen.pk, "op": "is_true"}, BIG]})
    member = buy("c-1", amount=100)
    assert add_to_list(segment=chosen, members=[member]) == 1
    assert add_to_list(segment=chosen, members=[member]) == 0
    refresh_members()
    assert held(member) == [chosen.pk, both.pk]
    assert remove_from_list(segment=chosen, members=[member]) == 1
    refresh_members()
    assert held(member) == []


def test_erased_member_is_in_nothing(buy: Buy) -> None:
    segment("Big", BIG)
    member = buy("c-1", amount=100)
    refresh_members()
    erase_member(member=member)
    recompute_segments(stale=None)
    assert sizes() == {}


def test_deleted_segment_leaves_no_trace_in_states(buy: Buy) -> None:
    big = segment("Big", BIG)
    member = buy("c-1", amount=100)
    refresh_members()
    delete_segment(segment=big)
    assert held(member) == []


def test_broken_rule_keeps_its_members_and_says_so(buy: Buy) -> None:
    add_tag(member=buy("c-1", amount=100), name="vip")
    tagged = segment("Tagged", {"fact": "tag", "name": "vip", "op": "is_true"})
    big = segment("Big", BIG)
    member = buy("c-1")
    Tag.objects.filter(name="vip").delete()
    refresh_members()
    recompute_segments(stale=None)
    assert held(member) == [tagged.pk, big.pk]
    assert Segment.objects.get(pk=tagged.pk).problem.startswith("name: unknown tag “vip”")


def test_trend_is_read_from_the_history(buy: Buy) -> None:
    big = segment("Big", BIG)
    buy("c-1", amount=100)
    buy("c-2", amount=100)
    refresh_members()
    assert [point.size for point in trend(big, days=3)] == [0, 0, 2]


def test_workspace_drains_through_the_registered_work(buy: Buy, shop: Tenant) -> None:
    create_segment(name="Big", rule=BIG)
    buy("c-1", amount=100)
    drain(shop.pk, names=["segments", "stream"])
    assert sizes() == {Segment.objects.get().pk: 1}
    assert not DirtyMember.objects.exists()
    assert not Segment.objects.filter(stale=True).exists()
