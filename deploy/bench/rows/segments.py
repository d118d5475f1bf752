"""Rows 2 to 2d: saved rules against counts of the same rules written by hand, each the way one would write it alone.

Costs are CPU seconds of the database's process and of this one, both without parallel workers, where they can be read.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from statistics import median
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from deploy.bench.dataset import NAMES, vacuum
from deploy.bench.table import BackendClock, Context, Row, Workspace, measures
from urm.tenancy.context import tenant_context

_DAYS = 86_400


def _event(name: str, measure: str, op: str, value: float, days: int | None = None, **more: Any) -> dict[str, Any]:
    window = {"window": {"days": days}} if days else {}
    return {"fact": "event", "name": name, "measure": measure, **window, **more, "op": op, "value": value}


def fifty_rules() -> dict[str, tuple[dict[str, Any], str]]:
    """By name: the rule, and the count of it written by hand (see `_count`)."""
    rules: dict[str, tuple[dict[str, Any], str]] = {}
    for days in (30, 60, 90, 180, 365):
        for amount in (100, 500):
            rule = _event("purchase", "sum:amount", "gte", amount, days)
            rules[f"spent {amount} in {days}"] = rule, _within("purchase", days, f"sum(amount) >= {amount}")
    for name in NAMES:
        for days in (7, 30, 90):
            rules[f"{name} twice in {days}"] = (
                _event(name, "count", "gte", 2, days),
                _within(name, days, "sum(n) >= 2"),
            )
    for days in (30, 45, 60, 90, 120, 180):
        rules[f"no purchase for {days}"] = (
            _event("purchase", "days_since_last", "gt", days),
            _ever("purchase", f"max(last_at) < %(now)s - interval '{days * _DAYS} seconds'"),
        )
    for name in NAMES[:5]:
        rule = _event(name, "count", "eq", 0)
        rules[f"never {name}"] = rule, f"NOT EXISTS (SELECT FROM ({_ever(name, 'true')}) f WHERE f.member_id = m.id)"
    for value in (50, 100):
        rules[f"average over {value}"] = (
            _event("purchase", "avg:amount", "gt", value),
            _ever("purchase", f"sum(amount) > {value} * sum(amounts)"),
        )
        rules[f"largest over {value}"] = (
            _event("purchase", "max:amount", "gt", value),
            _ever("purchase", f"max(largest) > {value}"),
        )
    in_app = {"prop": "channel", "op": "eq", "value": "app"}
    rules["bought in the app in 90"] = (
        _event("purchase", "count", "gte", 1, 90, where=in_app),
        "SELECT member_id FROM members_event WHERE tenant_id = {tenant} AND name_id = {purchase} "
        f"AND occurred_at >= %(now)s - interval '{90 * _DAYS} seconds' AND occurred_at < %(now)s "
        "AND properties ->> 'channel' = 'app' GROUP BY member_id",
    )
    rules |= {
        "in two cities": (
            {"fact": "profile", "name": "city", "op": "in", "value": ["Berlin", "Boston"]},
            "m.city IN ('Berlin', 'Boston')",
        ),
        "birthday soon": (
            {"fact": "profile", "name": "birthday", "op": "anniversary_within_next", "value": 7},
            "to_char(m.birthday, 'MMDD') = ANY (SELECT to_char((%(now)s AT TIME ZONE '{zone}')::date + d, 'MMDD') "
            "FROM generate_series(0, 7) d)",
        ),
        "vip": (
            {"fact": "tag", "name": "vip", "op": "is_true"},
            "EXISTS (SELECT FROM members_memberstate s WHERE s.tenant_id = {tenant} AND s.member_id = m.id "
            "AND s.tag_ids @> ARRAY[{vip}])",
        ),
        "reachable": (
            {"fact": "reachable", "channel": "email", "op": "is_true"},
            "m.email IS NOT NULL AND EXISTS (SELECT FROM members_consent c WHERE c.tenant_id = {tenant} "
            "AND c.member_id = m.id AND c.channel = 'email' AND c.purpose = 'marketing' AND c.granted) "
            "AND NOT EXISTS (SELECT FROM members_suppression x WHERE x.tenant_id = {tenant} AND x.channel = 'email' "
            "AND lower(x.address) = lower(m.email))",
        ),
        "new": (
            {"fact": "profile", "name": "first_seen_at", "op": "within_last", "value": 60},
            f"m.first_seen_at >= %(now)s - interval '{60 * _DAYS} seconds'",
        ),
        "women": (
            {"fact": "profile", "name": "gender", "op": "eq", "value": "female"},
            "m.gender = 'female'",
        ),
    }
    return rules


def _within(name: str, days: int, having: str) -> str:
    """Whole days from the day counts, the two partial days at the edges from the log."""
    start = f"(%(now)s - interval '{days * _DAYS} seconds')"
    first, last = f"({start} AT TIME ZONE '{{zone}}')::date", "(%(now)s AT TIME ZONE '{zone}')::date"
    midnight = f"(({first} + 1)::timestamp AT TIME ZONE '{{zone}}')"
    today = f"({last}::timestamp AT TIME ZONE '{{zone}}')"
    edges = f"(occurred_at >= {start} AND occurred_at < {midnight} OR occurred_at >= {today} AND occurred_at < %(now)s)"
    return f"""SELECT member_id FROM (
        SELECT member_id, count AS n, amount_sum AS amount FROM members_daily
        WHERE tenant_id = {{tenant}} AND name_id = {{{name}}} AND day > {first} AND day < {last}
        UNION ALL SELECT member_id, 1, amount FROM members_event
        WHERE tenant_id = {{tenant}} AND name_id = {{{name}}} AND {edges}
    ) e GROUP BY member_id HAVING {having}"""


def _ever(name: str, having: str) -> str:
    last = "(%(now)s AT TIME ZONE '{zone}')::date"
    today = f"({last}::timestamp AT TIME ZONE '{{zone}}')"
    return f"""SELECT member_id FROM (
        SELECT member_id, amount_sum AS amount, amount_count AS amounts, amount_max AS largest, last_at
        FROM members_daily WHERE tenant_id = {{tenant}} AND name_id = {{{name}}} AND day < {last}
        UNION ALL SELECT member_id, amount, (amount IS NOT NULL)::int, amount, occurred_at FROM members_event
        WHERE tenant_id = {{tenant}} AND name_id = {{{name}}} AND occurred_at < %(now)s AND occurred_at >= {today}
    ) e GROUP BY member_id HAVING {having}"""


def _count(condition: str) -> str:
    """A complete statement: members that live, and that a condition or a selection of ids is about."""
    head = "SELECT count(*) FROM members_member m"
    alive = "m.tenant_id = {tenant} AND m.merged_into_id IS NULL AND m.erased_at IS NULL AND m.first_seen_at < %(now)s"
    if condition.startswith("SELECT"):
        return f"{head} JOIN ({condition}) f ON f.member_id = m.id WHERE {alive}"
    return f"{head} WHERE {alive} AND {condition}"


class _Bench:
    """The large workspace with the fifty rules saved and filled."""

    def __init__(self, workspace: Workspace) -> None:
        from members.models import EventName, Tag  # noqa: PLC0415 - after setup
        from urm.tenancy.models import Tenant  # noqa: PLC0415

        zone = Tenant.objects.get(pk=workspace.id).time_zone
        with tenant_context(workspace.id):
            ids = {"tenant": workspace.id, "zone": zone, "vip": Tag.objects.get(name="vip").pk}
            ids |= dict(EventName.objects.values_list("name", "id"))
            fresh = self._fill()
        if fresh:
            vacuum()
        self._counts = {name: _count(by_hand).format(**ids) for name, (_rule, by_hand) in fifty_rules().items()}

    @staticmethod
    def _fill() -> bool:
        """Save and compute the rules unless they are there; whether they were not."""
        from segments.actions import create_segment, recompute_segments  # noqa: PLC0415
        from segments.models import Segment  # noqa: PLC0415

        fresh = set(Segment.objects.values_list("name", flat=True)) != set(fifty_rules())
        if fresh:
            for name, (rule, _by_hand) in fifty_rules().items():
                create_segment(name=name, rule=rule)
        recompute_segments(stale=None)
        return fresh

    def count(self, name: str, as_of: datetime | None = None) -> int:
        with connection.cursor() as cursor:
            cursor.execute(self._counts[name], {"now": as_of or timezone.now()})
            return int(cursor.fetchone()[0])

    def count_all(self) -> None:
        for name in self._counts:
            self.count(name)

    def disagreement(self) -> str:
        """The rules of which the platform's members are not as many as those counted by hand, as of one moment."""
        from segments.actions import recompute_segments  # noqa: PLC0415
        from segments.models import Segment  # noqa: PLC0415
        from segments.queries import sizes  # noqa: PLC0415

        as_of = timezone.now()
        recompute_segments(stale=None, as_of=as_of)
        found = sizes()
        differ = [
            f"{segment.name}: {found.get(segment.pk, 0)} members, {counted} by hand"
            for segment in Segment.objects.order_by("id")
            if (counted := self.count(segment.name, as_of)) != found.get(segment.pk, 0)
        ]
        return "; ".join(differ)


def _cost(work: Callable[[], object]) -> float:
    clock = BackendClock(connection)
    gc.collect()
    server, here = clock.now(), time.process_time()
    work()
    return clock.now() - server + (time.process_time() - here if clock.local else 0)


def _paired(ours: Callable[[], object], limit: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """The median of the paired ratios, and both median costs."""
    ours()
    limit()
    pairs = [(_cost(ours), _cost(limit)) for _ in range(rounds)]
    return median(a / b for a, b in pairs), median(a for a, _ in pairs), median(b for _, b in pairs)


@contextmanager
def _alone() -> Iterator[None]:
    """No parallel workers: their cost would not be seen, and how many there are depends on the moment."""
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        try:
            yield
        finally:
            cursor.execute("RESET max_parallel_workers_per_gather")


@measures("2")
def one_rule(context: Context) -> Row:
    from segments.actions import recompute_segments  # noqa: PLC0415
    from segments.models import Segment  # noqa: PLC0415

    bench, name = _Bench(context.large), "spent 500 in 365"

    def recompute() -> None:
        Segment.objects.filter(name=name).update(stale=True)
        recompute_segments()

    with tenant_context(context.large.id), _alone():
        ratio, ours, limit = _paired(recompute, lambda: bench.count(name), context.rounds)
    costs = {"segments.member_seconds": ours / context.large.members}
    return context.row("2", ratio, f"{ours:.2f} s ÷ {limit:.2f} s", costs=costs)


@measures("2b")
def fifty_at_once(context: Context) -> Row:
    from segments.actions import recompute_segments  # noqa: PLC0415

    bench = _Bench(context.large)
    with tenant_context(context.large.id), _alone():
        problem = bench.disagreement()
        rounds = min(context.rounds, 3)
        ratio, ours, limit = _paired(lambda: recompute_segments(stale=None), bench.count_all, rounds)
    costs = {"segments.member_50_rules_seconds": ours / context.large.members}
    return context.row("2b", ratio, f"{ours:.2f} s ÷ {limit:.2f} s", problem=problem, costs=costs)


@measures("2d")
def growth(context: Context) -> Row:
    """The same rules over a tenth of the members with a tenth of the events, and over all."""
    from segments.actions import recompute_segments  # noqa: PLC0415

    seconds = []
    for workspace in (context.medium, context.large):
        _Bench(workspace)
        with tenant_context(workspace.id), _alone():
            recompute_segments(stale=None)
            rounds = min(context.rounds, 3)
            seconds.append(median(_cost(lambda: recompute_segments(stale=None)) for _ in range(rounds)))
    small, large = seconds
    exponent = math.log(large / small) / math.log(context.large.members / context.medium.members)
    return context.row(
        "2d", exponent, f"{large:.2f} s for {context.large.members:,} members ÷ {small:.2f} s for"
        f" {context.medium.members:,}",
    )  # fmt: skip


@measures("2c")
def one_percent(context: Context) -> Row:
    return _changed(context, "2c", 0.01)


@measures("2c2")
def one_in_a_thousand(context: Context) -> Row:
    return _changed(context, "2c2", 0.001)


def _changed(context: Context, number: str, share: float) -> Row:
    """Members do something, are refreshed, and it never happened."""
    from members.models import DirtyMember  # noqa: PLC0415
    from segments.actions import recompute_segments, refresh_members  # noqa: PLC0415

    changed = int(context.large.members * share)
    pairs, problems, moves = [], set(), 0
    _Bench(context.large)
    with tenant_context(context.large.id), _alone():
        for turn in range(context.rounds + 1):
            recompute_segments(stale=None)  # nobody's time has come meanwhile
            DirtyMember.objects.all().delete()  # nor is anybody left over from the rows that accept events
            with transaction.atomic():
                _act(context.large, changed)
                now, refreshed = timezone.now(), list[Any]()
                ours = _cost(lambda: refreshed.append(refresh_members(limit=changed, as_of=now)))  # noqa: B023
                moves = sum(refreshed[0].entered.values()) + sum(refreshed[0].left.values())
                again = list[Any]()
                full = _cost(lambda: again.append(recompute_segments(stale=None, as_of=now)))  # noqa: B023
                if again[0].changed:
                    problems.add(f"{again[0].changed} rows changed afterwards")
                transaction.set_rollback(True)
            if turn:  # the first is a warm-up
                pairs.append((ours, full))
    ours, full = median(a for a, _ in pairs), median(b for _, b in pairs)
    return context.row(
        number,
        median(a / b for a, b in pairs),
        f"{ours * 1000:.0f} ms for {changed:,} members with {moves:,} entries and exits ÷ {full:.2f} s",
        problem="; ".join(sorted(problems)),
        costs={"segments.refresh_seconds": ours / changed} if number == "2c" else None,
    )


def _act(workspace: Workspace, members: int) -> None:
    """One event each of members spread over the workspace, a fifth of them purchases, as the absorber writes it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE acted ON COMMIT DROP AS SELECT a.id AS member_id, n.id AS name_id, now() AS at, "
            "CASE WHEN n.name = 'purchase' THEN 30 END AS amount, (now() AT TIME ZONE t.time_zone)::date AS day "
            "FROM (SELECT id FROM members_member WHERE tenant_id = %(tenant)s "
            "ORDER BY hashint8(id) LIMIT %(members)s) a "
            "JOIN members_eventname n ON n.tenant_id = %(tenant)s "
            "AND n.name = CASE WHEN a.id %% 5 = 0 THEN 'purchase' ELSE 'product_view' END "
            "JOIN tenancy_tenant t ON t.id = %(tenant)s",
            {"tenant": workspace.id, "members": members},
        )
        for statement in (_LOG, _DAY, _DIRTY):
            cursor.execute(statement, [workspace.id])


_LOG = """
INSERT INTO members_event (tenant_id, received_at, member_id, name_id, occurred_at, amount, properties, trusted)
SELECT %s, at, member_id, name_id, at, amount, '{}', true FROM acted
"""
_DAY = """
INSERT INTO members_daily AS d (tenant_id, member_id, name_id, day, count, amount_count, amount_sum, amount_min,
                                amount_max, first_at, last_at)
SELECT %s, member_id, name_id, day, 1, (amount IS NOT NULL)::int, amount, amount, amount, at, at FROM acted
ON CONFLICT (tenant_id, member_id, name_id, day) DO UPDATE SET
    count = d.count + 1, amount_count = d.amount_count + excluded.amount_count,
    amount_sum = coalesce(d.amount_sum + excluded.amount_sum, d.amount_sum, excluded.amount_sum),
    amount_min = least(d.amount_min, excluded.amount_min), amount_max = greatest(d.amount_max, excluded.amount_max),
    first_at = least(d.first_at, excluded.first_at), last_at = greatest(d.last_at, excluded.last_at)
"""
_DIRTY = """
INSERT INTO members_dirtymember (tenant_id, member_id, marked_at) SELECT %s, member_id, at FROM acted
ON CONFLICT DO NOTHING
"""
