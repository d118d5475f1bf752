"""Rule-driven tags that stay on for some days after their rule ceased to hold."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from members.models import Member, MemberState, Tag
from segments.actions import SegmentError, create_segment, recompute_segments, refresh_members, set_tag_rule
from segments.models import Change, KeptTag
from tests.segments.conftest import Buy
from urm.tenancy.models import Tenant

RECENT = {"fact": "event", "name": "purchase", "measure": "count", "window": {"days": 10}, "op": "gte", "value": 1}


def day(number: float, start: datetime) -> datetime:
    return start + timedelta(days=number)


def tags(member: Member) -> list[str]:
    held = MemberState.objects.get(member=member).tag_ids
    return list(Tag.objects.filter(pk__in=held).values_list("name", flat=True))


def kept(member: Member) -> list[datetime]:
    return list(KeptTag.objects.filter(member=member).values_list("until", flat=True))


def has(name: str) -> dict[str, Any]:
    return {"fact": "tag", "name": name, "op": "is_true"}


def test_tag_stays_for_its_days_and_then_goes(buy: Buy) -> None:
    set_tag_rule(name="fresh", rule=RECENT, keep_days=5)
    segment = create_segment(name="Fresh", rule=has("fresh"))
    recompute_segments()
    start = timezone.now()
    member = buy("c-1", days_ago=0.5)  # in the window until day 9.5
    refresh_members(as_of=start)
    assert (tags(member), kept(member)) == (["fresh"], [])
    ceased = day(9.6, start)
    refresh_members(as_of=ceased)
    assert (tags(member), kept(member)) == (["fresh"], [day(5, ceased)])
    assert MemberState.objects.get(member=member).next_at == day(5, ceased)
    assert MemberState.objects.get(member=member).segment_ids == [segment.pk]
    assert recompute_segments(stale=None, as_of=day(12, start)).changed == 0
    refresh_members(as_of=day(5, ceased))
    assert (tags(member), kept(member)) == ([], [])
    state = MemberState.objects.get(member=member)
    assert (state.segment_ids, state.next_at) == ([], None)
    history = Change.objects.filter(kind="tag").order_by("at").values_list("entered", "cause", "at")
    assert list(history) == [(True, "member", start), (False, "time", day(5, ceased))]


def test_rule_that_holds_again_begins_new_days_later(buy: Buy) -> None:
    set_tag_rule(name="fresh", rule=RECENT, keep_days=5)
    recompute_segments()
    now = timezone.now()
    member = buy("c-1", days_ago=9)
    refresh_members(as_of=now)
    refresh_members(as_of=day(1.1, now))
    assert kept(member) == [day(6.1, now)]
    buy("c-1", days_ago=0)
    refresh_members(as_of=day(2, now))
    assert (tags(member), kept(member)) == (["fresh"], [])
    refresh_members(as_of=day(11, now))
    assert kept(member) == [day(16, now)]


def test_edited_rule_takes_the_tag_at_once(buy: Buy) -> None:
    set_tag_rule(name="fresh", rule=RECENT, keep_days=5)
    recompute_segments()
    now = timezone.now()
    member = buy("c-1", days_ago=9)
    refresh_members(as_of=now)
    refresh_members(as_of=day(2, now))
    assert tags(member) == ["fresh"]
    set_tag_rule(name="fresh", rule={**RECENT, "value": 2})
    recompute_segments(as_of=day(2, now))
    assert (tags(member), kept(member)) == ([], [])


def test_days_out_of_range_are_refused(shop: Tenant) -> None:
    with pytest.raises(SegmentError) as refused:
        set_tag_rule(name="fresh", rule=RECENT, keep_days=-1)
    assert list(refused.value.fields) == ["keep_days"]
