"""Movement through the stages, time in them, targets, impact of another order, and acting on the churn warning."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from statistics import quantiles
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from members.actions import tag_members, upsert_member
from members.models import Member, MemberState, MemberTag
from segments.actions import (
    SegmentError,
    edit_stage,
    install_default_stages,
    recompute_segments,
    remove_stage_target,
    set_stage_target,
)
from segments.models import Change, Segment, Stage, StageTarget
from segments.queries.conditions import stage_sizes
from segments.queries.flow import NEW, NONE, entered, goals, newly_in, stage_flow, stage_impact, stays
from tests.segments.conftest import Buy
from tests.ui.conftest import sign_in
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

START = datetime(2026, 3, 1, tzinfo=UTC)


def ago(days: float) -> datetime:
    return START - timedelta(days=days)


def after(days: float) -> datetime:
    return START + timedelta(days=days)


@pytest.fixture
def stages(in_acme: Tenant) -> dict[str, Stage]:
    install_default_stages()
    return {stage.key: stage for stage in Stage.objects.all()}


def member(name: str, first_seen: datetime) -> Member:
    made, _created = upsert_member(external_id=name, traits={})
    Member.objects.filter(pk=made.pk).update(first_seen_at=first_seen)
    return made


def moved(who: Member, steps: list[tuple[datetime, Stage]]) -> None:
    """Write the history that a pass would have written."""
    before: Stage | None = None
    for at, stage in steps:
        rows = [(stage, True)] + ([(before, False)] if before else [])
        for one, came in rows:
            Change.objects.create(
                member_id=who.pk,
                kind="stage",
                target_id=one.pk,
                entered=came,
                at=at,
                cause="member",
            )
        before = stage
    assert before is not None
    MemberState.objects.update_or_create(member=who, defaults={"stage_id": before.pk, "stage_since": steps[-1][0]})


def test_flow_tells_where_each_was_and_is(stages: dict[str, Stage]) -> None:
    prospect, bought, lost = stages["prospect"], stages["conversion"], stages["lost"]
    moved(member("stayed", ago(90)), [(ago(80), prospect)])
    moved(member("went", ago(90)), [(ago(80), prospect), (after(1), bought)])
    moved(member("twice", ago(90)), [(ago(80), prospect), (after(1), bought), (after(2), lost)])
    moved(member("fresh", after(1)), [(after(1), prospect)])
    moved(member("late", ago(90)), [(after(3), prospect)])  # in no stage when the period began
    member("nowhere", ago(90))
    key = {name: str(stage.pk) for name, stage in stages.items()}
    assert stage_flow(START) == {
        (key["prospect"], key["prospect"]): 1,
        (key["prospect"], key["conversion"]): 1,
        (key["prospect"], key["lost"]): 1,
        (NEW, key["prospect"]): 1,
        (NONE, key["prospect"]): 1,
        (NONE, NONE): 1,
    }


def test_time_in_stage_is_that_of_the_stays_that_ended(stages: dict[str, Stage]) -> None:
    prospect, bought = stages["prospect"], stages["conversion"]
    lengths = [3.0, 5.0, 8.0, 13.0, 40.0, 41.5]
    for number, length in enumerate(lengths):
        end = after(number)
        moved(member(f"m{number}", ago(90)), [(end - timedelta(days=length), prospect), (end, bought)])
    moved(member("before", ago(90)), [(ago(80), prospect), (ago(1), bought)])  # ended before the period
    (found,) = [one for one in stays(START, now=after(10)) if one.stage == prospect]
    assert found.ended == len(lengths)
    expected = quantiles(lengths, n=4, method="inclusive")
    assert [found.lower, found.median, found.upper] == pytest.approx(expected)
    (going,) = [one for one in stays(START, now=after(10)) if one.stage == bought]
    ages = sorted([*(10.0 - number for number in range(6)), 11.0])
    assert (going.ended, going.median) == (0, None)
    assert going.now == pytest.approx(ages[3])


def test_entries_count_members_once_and_no_edited_rules(stages: dict[str, Stage]) -> None:
    prospect, bought = stages["prospect"], stages["conversion"]
    who = member("m", ago(90))
    moved(who, [(after(1), prospect), (after(2), bought), (after(3), prospect)])
    Change.objects.create(
        member_id=who.pk + 1, kind="stage", target_id=prospect.pk, entered=True, at=after(1), cause="rule"
    )
    assert entered(START, after(28)) == {prospect.pk: 1, bought.pk: 1}
    assert entered(START, after(1)) == {}


def test_targets_show_what_was_reached(stages: dict[str, Stage], in_acme: Tenant) -> None:
    prospect = stages["prospect"]
    zone = in_acme.zone
    moved(member("m", ago(90)), [(datetime(2026, 3, 1, 0, 30, tzinfo=zone), prospect)])
    moved(member("n", ago(90)), [(datetime(2026, 2, 28, 23, 30, tzinfo=zone), prospect)])
    target = set_stage_target(stage=prospect, month=date(2026, 3, 9), metric="entered", goal=4)
    set_stage_target(stage=prospect, month=date(2026, 3, 1), metric="entered", goal=5)
    set_stage_target(stage=prospect, month=date(2026, 3, 1), metric="size", goal=2)
    found = goals([date(2026, 3, 1)], now=after(5))
    assert [(one.target.metric, one.target.goal, one.reached, one.over) for one in found] == [
        ("entered", 5, 1, False),
        ("size", 2, 2, False),
    ]
    remove_stage_target(target=target)
    assert list(StageTarget.objects.values_list("metric", flat=True)) == ["size"]
    with pytest.raises(SegmentError) as refused:
        set_stage_target(stage=prospect, month=date(2026, 3, 1), metric="entered", goal=0)
    assert list(refused.value.fields) == ["goal"]


def test_impact_is_what_saving_the_order_brings(buy: Buy) -> None:
    install_default_stages()
    for number, days in enumerate((1, 40, 100, 150, 200, 400)):
        buy(f"c-{number}", days_ago=days)
        buy(f"c-{number}", days_ago=days + 1)
    upsert_member(external_id="never", traits={})
    recompute_segments()
    listed = list(Stage.objects.order_by("position"))
    order = [stage.pk for stage in reversed(listed)]  # the last one holds for everybody
    was = dict(MemberState.objects.values_list("member_id", "stage_id"))
    foretold = stage_impact({stage.pk: stage.rule for stage in listed}, order)
    for position, stage in enumerate(reversed(listed), start=1):
        edit_stage(stage=stage, position=position)
    recompute_segments()
    now = dict(MemberState.objects.values_list("member_id", "stage_id"))
    assert foretold == dict(Counter((was[pk], now[pk]) for pk in was))
    assert stage_sizes() == {order[0]: 7}


def test_warning_list_acts_on_those_it_shows(client: Client, acme: Tenant, staff: Any) -> None:
    with tenant_context(acme.pk):
        install_default_stages()
        at_risk = Stage.objects.get(key="at_risk")
        now = timezone.now()
        for name, days in (("new", 2), ("old", 20)):
            moved(member(name, now - timedelta(days=200)), [(now - timedelta(days=days), at_risk)])
        assert [state.member.external_id for state in newly_in(at_risk, 7)] == ["new"]
    sign_in(client, staff(acme, "marketer").email)
    address = "/w/acme/admin/lifecycle/watch/"
    given = {"stage": "at_risk", "days": "7"}
    assert client.post(address, {**given, "tag": "1", "name": "call"}).status_code == 302
    export = client.post(address, {**given, "export": "1"})
    assert [line.split(",")[0] for line in export.content.decode().lstrip("\ufeff").splitlines()] == [
        "external_id",
        "new",
    ]
    assert client.post(address, {**given, "segment": "1"}).status_code == 302
    with tenant_context(acme.pk):
        assert [row.member.external_id for row in MemberTag.objects.select_related("member")] == ["new"]
        assert Segment.objects.get().rule["all"][1] == {
            "fact": "stage",
            "what": "since",
            "op": "within_last",
            "value": 7,
        }


def test_many_are_tagged_at_once_and_nobody_twice(in_acme: Tenant) -> None:
    ids = [upsert_member(external_id=f"m{number}", traits={})[0].pk for number in range(5)]
    assert tag_members(member_ids=ids[:3], name="call") == 3
    assert tag_members(member_ids=ids, name="call") == 2
    tag = MemberTag.objects.first()
    assert tag is not None
    assert MemberState.objects.filter(tag_ids=[tag.tag_id]).count() == 5
