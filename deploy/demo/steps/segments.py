"""Step 3: tags and lifecycle stages by rules, and six segments; who is in them equals the independent computation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from deploy.demo.expected.segments import segment, stages, tag
from deploy.demo.report import Bar, Outcome
from deploy.demo.run import Run
from deploy.demo.workspaces import Workspace
from members.models import MemberState, Tag
from segments.actions import compute_scores, create_segment, recompute_segments, set_tag_rule
from segments.models import Segment, Stage
from segments.queries import members_of

TITLE = "3 Tags, stages, segments by rules"
T = TypeVar("T")


def purchases(measure: str, op: str, value: Any, days: int | None = None) -> dict[str, Any]:
    window = {"window": {"days": days}} if days else {}
    return {"fact": "event", "name": "purchase", "measure": measure, **window, "op": op, "value": value}


@dataclass(frozen=True)
class Planned:
    """A segment of the demo; names and value propositions in both languages."""

    names: tuple[str, str]
    rule: dict[str, Any]
    proposition: tuple[str, str] = ("", "")


SEGMENTS = {
    "champions": Planned(
        ("RFM champions", "RFM 冠军会员"),
        {
            "all": [
                purchases("days_since_last", "lte", 14),
                purchases("count", "gte", 80, 365),
                purchases("sum:amount", "gte", 2500, 365),
            ]
        },
        ("First to taste what is new, and a till of your own.", "新品优先品尝，专属收银通道。"),
    ),
    "lapsing": Planned(
        ("Lapsing big spenders", "即将流失的高消费会员"),
        {
            "all": [
                purchases("sum:amount", "gte", 500, 365),
                purchases("days_since_last", "gt", 45),
            ]
        },
        ("Your weekly basket, packed and ready when you come.", "您的每周购物篮，到店即取。"),
    ),
    "families": Planned(
        ("Families with children", "有子女的家庭"),
        {"fact": "attribute", "name": "kids_count", "op": "gte", "value": 1},
        ("Lunch boxes for a week in ten minutes.", "十分钟备好一周的便当。"),
    ),
    "coupons": Planned(
        ("Coupon lovers", "优惠券爱好者"),
        {
            "fact": "event",
            "name": "coupon_redeemed",
            "measure": "count",
            "window": {"days": 365},
            "op": "gte",
            "value": 3,
        },
        ("Coupons for what you buy anyway.", "为您常买的商品准备的优惠券。"),
    ),
    "new": Planned(
        ("New in the last 60 days", "最近 60 天新会员"),
        {"fact": "profile", "name": "first_seen_at", "op": "within_last", "value": 60},
        ("We show you around.", "带您逛一逛。"),
    ),
    "quiet": Planned(("No purchase for 45 days", "45 天未购买"), purchases("days_since_last", "gt", 45)),
}

TAGS = {
    "frequent": purchases("count", "gte", 15, 90),
    "big basket": purchases("avg:amount", "gte", 50, 365),
    "homeowner": {"fact": "attribute", "name": "home_ownership", "op": "eq", "value": "Homeowner"},
}


def segment_of(workspace: Workspace, name: str) -> Segment:
    return Segment.objects.get(name=SEGMENTS[name].names[workspace.chinese])


def run(run: Run, bar: Bar, outcome: Outcome) -> None:
    found = 0
    for workspace in run.workspaces:
        slug = workspace.tenant.slug
        with workspace.entered():
            bar.show(f"{slug}: computing", force=True)
            _create(workspace)
            compute_scores()
            run.work_off(workspace)
            _check(run, workspace, bar, outcome)
            found += sum(len(segments) for segments in MemberState.objects.values_list("segment_ids", flat=True))
            recomputed = recompute_segments(stale=None)
            outcome.equal(f"{slug}: changes by computing all of it anew", recomputed.changed, 0)
    outcome.count = f"{len(SEGMENTS)} segments with {found:,} memberships, {len(TAGS)} tags, 8 stages"


def _create(workspace: Workspace) -> None:
    language = int(workspace.chinese)
    for planned in SEGMENTS.values():
        if not Segment.objects.filter(name=planned.names[language]).exists():
            create_segment(
                name=planned.names[language],
                rule={"version": 1, **planned.rule},
                value_proposition=planned.proposition[language],
            )
    for name, rule in TAGS.items():
        if not Tag.objects.filter(name=name).exists():
            set_tag_rule(name=name, rule={"version": 1, **rule})


def _check(run: Run, workspace: Workspace, bar: Bar, outcome: Outcome) -> None:
    expected, slug = run.expected(workspace), workspace.tenant.slug
    pairs: list[tuple[str, Callable[[], Any], Callable[[datetime], Any]]] = [
        *(
            (f"segment {name}", partial(_in_segment, segment_of(workspace, name)), partial(segment, expected, name))
            for name in SEGMENTS
        ),
        *((f"tag {name}", partial(_with_tag, name), partial(tag, expected, name)) for name in TAGS),
        ("stage of each member", _stages, partial(stages, expected)),
    ]
    for number, (what, read, expect) in enumerate(pairs):
        bar.show(f"{slug}: {what}", number, len(pairs), force=True)
        outcome.equal(f"{slug}: {what}", *_at_one_moment(run, workspace, read, expect))


def _in_segment(segment: Segment) -> set[str | None]:
    return set(members_of(segment).values_list("external_id", flat=True))


def _with_tag(name: str) -> set[str | None]:
    held = MemberState.objects.filter(tag_ids__contains=[Tag.objects.get(name=name).pk])
    return set(held.values_list("member__external_id", flat=True))


def _stages() -> dict[str | None, str | None]:
    keys = dict(Stage.objects.values_list("id", "key"))
    rows = MemberState.objects.values_list("member__external_id", "stage_id")
    return {external_id: keys.get(stage_id or 0) for external_id, stage_id in rows}


def _at_one_moment(
    run: Run, workspace: Workspace, read: Callable[[], T], expect: Callable[[datetime], T]
) -> tuple[T, T]:
    """What is stored and what should be: read in a while in which the passing of time alone changed nothing."""
    for _attempt in range(10):
        before = expect(datetime.now(UTC))
        run.work_off(workspace)
        actual = read()
        after = expect(datetime.now(UTC))
        if before == after:
            break
    return actual, after
