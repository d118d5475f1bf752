"""How members move through the stages: from where to where, for how long, and how near the targets are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from members.models import Member, MemberState
from segments.models import Stage, StageTarget
from segments.queries.conditions import stage_sizes
from urm.rules import Scope, check, compile_rules
from urm.rules.sqltext import Sql, joined, sql
from urm.rules.workspace import current_names, fetch
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

NEW, NONE = "new", "none"  # not a member yet; in no stage

# The first move after the start tells where a member was at the start; who did not move was where they are now.
_FLOW = """
WITH first_move AS (
    SELECT member_id, min(at) AS at FROM segments_change
    WHERE tenant_id = {tenant} AND kind = 'stage' AND at >= %(start)s GROUP BY 1
), was AS (
    SELECT f.member_id, max(c.target_id) AS stage_id FROM first_move f
    LEFT JOIN segments_change c ON c.tenant_id = {tenant} AND c.member_id = f.member_id AND c.kind = 'stage'
        AND c.at = f.at AND NOT c.entered
    GROUP BY 1
)
SELECT CASE WHEN m.first_seen_at >= %(start)s THEN 'new'
            WHEN w.member_id IS NOT NULL THEN coalesce(w.stage_id::text, 'none')
            ELSE coalesce(s.stage_id::text, 'none') END,
       coalesce(s.stage_id::text, 'none'), count(*)
FROM members_member m
LEFT JOIN members_memberstate s ON s.tenant_id = {tenant} AND s.member_id = m.id
LEFT JOIN was w ON w.member_id = m.id
WHERE m.tenant_id = {tenant} AND m.merged_into_id IS NULL AND m.erased_at IS NULL
GROUP BY 1, 2
"""

_STAYS = """
SELECT l.target_id, count(*), percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (
    ORDER BY extract(epoch FROM l.at - e.at) / 86400)
FROM segments_change l CROSS JOIN LATERAL (
    SELECT at FROM segments_change
    WHERE tenant_id = {tenant} AND member_id = l.member_id AND kind = 'stage' AND target_id = l.target_id AND entered
      AND at <= l.at ORDER BY at DESC LIMIT 1
) e
WHERE l.tenant_id = {tenant} AND l.kind = 'stage' AND NOT l.entered AND l.at >= %(start)s
GROUP BY 1
"""

_SINCE = """
SELECT stage_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM %(now)s - stage_since) / 86400)
FROM members_memberstate WHERE tenant_id = {tenant} AND stage_id IS NOT NULL GROUP BY 1
"""

_ENTERED = """
SELECT target_id, count(DISTINCT member_id) FROM segments_change
WHERE tenant_id = {tenant} AND kind = 'stage' AND entered AND cause <> 'rule' AND at >= %(start)s AND at < %(end)s
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Stay:
    """Days in a stage: quartiles of the `ended` stays that ended since the start; None where none did. `now` is the
    median age of the stays that go on."""

    stage: Stage
    ended: int
    lower: float | None
    median: float | None
    upper: float | None
    now: float | None


@dataclass(frozen=True, slots=True)
class Goal:
    target: StageTarget
    reached: int
    over: bool  # the month is

    @property
    def share(self) -> float:
        return self.reached / self.target.goal


def stage_flow(start: datetime) -> dict[tuple[str, str], int]:
    """Live members by where they were at `start` and where they are now: ids of stages as text, NEW, NONE."""
    return {(source, target): count for source, target, count in _rows(_FLOW, start=start)}


def stays(start: datetime, *, now: datetime | None = None) -> list[Stay]:
    """By stage, in the order of the lifecycle."""
    ended = {stage_id: (count, quartiles) for stage_id, count, quartiles in _rows(_STAYS, start=start)}
    ages = dict(_rows(_SINCE, now=now or timezone.now()))
    found = []
    for stage in Stage.objects.all():
        count, quartiles = ended.get(stage.pk, (0, [None, None, None]))
        age = ages.get(stage.pk)
        numbers = [None if one is None else float(one) for one in quartiles]
        found.append(Stay(stage, count, numbers[0], numbers[1], numbers[2], None if age is None else float(age)))
    return found


def entered(start: datetime, end: datetime) -> dict[int, int]:
    """How many members entered each stage in the time, each once; those a new rule put there are not counted."""
    return dict(_rows(_ENTERED, start=start, end=end))


def month_bounds(month: date) -> tuple[datetime, datetime]:
    """First moment of the month and of the next one, by the workspace's calendar."""
    zone = Tenant.objects.get(pk=require_tenant()).zone
    after = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
    return tuple(datetime(day.year, day.month, 1, tzinfo=zone) for day in (month, after))  # type: ignore[return-value]


def goals(months: Sequence[date], *, now: datetime | None = None) -> list[Goal]:
    """The targets of these months with what was reached so far, newest month first. A size is that of now: of a month
    that is over it is not known here, the daily sizes keep it."""
    moment = now or timezone.now()
    targets = StageTarget.objects.filter(month__in=months).select_related("stage").order_by("-month", "stage__flow")
    sizes, counts, found = stage_sizes(), {}, []
    for target in targets:
        start, end = month_bounds(target.month)
        if target.metric == StageTarget.Metric.ENTERED:
            if target.month not in counts:
                counts[target.month] = entered(start, end)
            reached = counts[target.month].get(target.stage_id, 0)
        else:
            reached = sizes.get(target.stage_id, 0)
        found.append(Goal(target, reached, moment >= end))
    return found


def goal_of(target: StageTarget) -> Goal:
    """One target with what was reached so far."""
    return next(one for one in goals([target.month]) if one.target.pk == target.pk)


def stage_impact(
    rules: Mapping[int, Mapping[str, Any]], order: Sequence[int]
) -> dict[tuple[int | None, int | None], int]:
    """How many members would move from which stage to which if the stages had these rules, tried in this order.

    Nothing is saved. Raises RuleError."""
    names = current_names()
    nodes = [check(rules[stage_id], names).node for stage_id in order]
    compiled = compile_rules(nodes, names, Scope(names.tenant_id, names.time_zone, timezone.now()))
    cases = [
        sql(f"WHEN {{}} THEN {int(stage_id)}", condition)
        for stage_id, condition in zip(order, compiled.conditions, strict=True)
    ]
    then = sql("CASE {} END", joined(" ", cases)) if cases else Sql("NULL::int")
    was = Sql(
        f"(SELECT x.stage_id FROM members_memberstate x WHERE x.tenant_id = {require_tenant()} AND x.member_id = m.id)"
    )
    statement = sql(
        "SELECT was, then_in, count(*) FROM (SELECT {} AS was, {} AS then_in {} AND {}) c GROUP BY 1, 2",
        was, then, compiled.from_clause, compiled.alive,
    )  # fmt: skip
    return {(source, target): count for source, target, count in fetch(statement)}


def newly_in(stage: Stage, days: int) -> Any:
    """States of members who entered the stage in the last days and are still there, newest first."""
    since = timezone.now() - timedelta(days=days)
    alive = Member.objects.filter(merged_into=None, erased_at=None)
    return MemberState.objects.filter(stage_id=stage.pk, stage_since__gte=since, member__in=alive).order_by(
        "-stage_since", "-member_id"
    )


def _rows(statement: str, **given: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(tenant=require_tenant()), given)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
