"""Features of events, each computed once per pass and member.

Whole days come from the daily counts. A day row counts with its first and last event inside a window, so a row that no
window's edge cuts is right for every window; the few that an edge cuts are replaced, for all windows alike, by their
events from the log — or, in a pass over everybody, their members are left open and looked at afterwards, which saves
reading all days twice. Features with a `where`, or of another property than the amount, are read from the log."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.utils import timezone

from urm.rules.operands import Scope
from urm.rules.operators import plus
from urm.rules.sqltext import Sql, joined, param, params, sql
from urm.rules.windows import Span
from urm.rules.zone import MICROSECOND, shifted

# Events are refused when more than 5 minutes ahead of their arrival, so none inside a window arrived long before it
# began. A generous margin; the bound lets the planner skip whole partitions of the log.
_ARRIVES_BEFORE = dt.timedelta(days=1)


_DAY_COLUMNS = ", ".join(
    f"d.{column}"
    for column in (
        "member_id", "name_id", "count AS n", "amount_count", "amount_sum", "amount_min", "amount_max", "first_at",
        "last_at",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventTables:
    """`log`: one row per event. `daily`: per member, event name and local day.

    Members that were merged keep their rows in the log (not in `daily`): in `people`, `merged_into_id` says whose
    history they belong to now. They cost nothing in a workspace where nobody was ever merged: `Names` knows the kind
    "merged" then without an entry."""

    log: str
    daily: str
    people: str

    def history_of(self, member_id: int, tenant: Sql) -> Sql:
        """The condition that a log row `e` belongs to a member's history."""
        return sql(
            f"e.member_id IN (SELECT {{}}::bigint UNION ALL SELECT a.id FROM {self.people} a"
            " WHERE a.tenant_id = {} AND a.merged_into_id = {})",
            param(member_id), tenant, param(member_id),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Feature:
    aggregate: Sql
    names: tuple[int, ...]
    start: dt.datetime | None
    end: dt.datetime
    extra: Sql


@dataclass
class _Aggregates:
    """Aggregate columns over one stream of rows that have `name_id`, `first_at` and `last_at`."""

    alias: str
    hoists_extra: bool  # whether `extra` can be a condition on the rows themselves
    features: dict[_Feature, str] = field(default_factory=dict)
    ahead: dt.datetime | None = None  # also look for the first event from this moment on
    settled: dt.datetime | None = None  # rows cut by an edge, or not before this moment, leave their member open

    def column(self, feature: _Feature) -> Sql:
        name = self.features.setdefault(feature, f"f{len(self.features)}")
        return Sql(f"{self.alias}.{name}")

    @property
    def names(self) -> tuple[int, ...]:
        return tuple(sorted({name for feature in self.features for name in feature.names}))

    @property
    def start(self) -> dt.datetime | None:
        starts = [feature.start for feature in self.features]
        return None if None in starts else min(start for start in starts if start is not None)

    @property
    def end(self) -> dt.datetime:
        return max(feature.end for feature in self.features)

    @property
    def limit(self) -> dt.datetime | None:
        """The end of what has to be read; none when events that lie ahead are looked for."""
        return self.end if self.ahead is None else None

    @property
    def shared_extra(self) -> Sql:
        if self.ahead is not None:
            return Sql("")
        extras = {feature.extra for feature in self.features}
        return extras.pop() if self.hoists_extra and len(extras) == 1 else Sql("")

    def select(self) -> Sql:
        """The columns, each filtered by what the whole stream isn't filtered by already."""
        columns = [self._filtered(feature, name) for feature, name in self.features.items()]
        if self.ahead is not None:
            columns.append(sql("min(first_at) FILTER (WHERE first_at >= {}) AS ahead", param(self.ahead)))
        return joined(", ", columns)

    def _filtered(self, feature: _Feature, name: str) -> Sql:
        wanted = []
        if feature.names != self.names:
            wanted.append(sql("name_id = ANY({})", params(feature.names, "int")) if len(feature.names) != 1
                          else Sql("name_id = %s", feature.names))  # fmt: skip
        if feature.start is not None and feature.start != self.start:
            wanted.append(sql("first_at >= {}", param(feature.start)))
        if feature.end != self.settled and (feature.end != self.end or self.ahead or self.settled):
            wanted.append(sql("last_at < {}", param(feature.end)))
        if feature.extra and not self.shared_extra and not self.settled:
            wanted.append(feature.extra)
        if not wanted:
            return sql(f"{{}} AS {name}", feature.aggregate)
        return sql(f"{{}} FILTER (WHERE {{}}) AS {name}", feature.aggregate, joined(" AND ", wanted))


class EventSource:
    """All event features of one pass: a join of daily features, a join of log features, a join per distinct count."""

    def __init__(self, alias: str, tables: EventTables, *, merged: bool) -> None:
        self.tables, self._alias, self._merged = tables, alias, merged
        self._daily, self._raw = _Aggregates(f"{alias}d", False), _Aggregates(f"{alias}r", True)
        self._distinct: dict[_Feature, str] = {}
        self._days = False
        self._ahead: dt.datetime | None = None

    def daily(self, aggregate: str, names: tuple[int, ...], span: Span, *, first_of_day: bool = False) -> Sql:
        """An aggregate over day rows (`n`, `amount_count`, `amount_sum` …). `first_of_day` counts a cut day once."""
        extra = Sql("")
        if first_of_day:
            self._days = True
            extra = (
                sql("(prev_at < {} OR prev_at IS NULL)", param(span.start)) if span.start else Sql("prev_at IS NULL")
            )
        return self._daily.column(_Feature(Sql(aggregate), names, span.start, span.end, extra))

    def raw(self, aggregate: Sql, names: tuple[int, ...], span: Span, where: Sql) -> Sql:
        """An aggregate over log rows (alias `e`)."""
        return self._raw.column(_Feature(aggregate, names, span.start, span.end, where))

    def distinct(self, value: Sql, names: tuple[int, ...], span: Span, where: Sql) -> Sql:
        """A number of different values over log rows, on its own: such aggregates would slow down all others."""
        feature = _Feature(sql("count(DISTINCT {})", value), names, span.start, span.end, where)
        return Sql(f"{self._distinct.setdefault(feature, f'{self._alias}x{len(self._distinct)}')}.f")

    def wakes_at(self, scope: Scope) -> tuple[Sql, ...]:
        """An event dated slightly ahead begins to exist by itself. Its day is read like any other (see `ahead`)."""
        found = []
        for stream in (self._daily, self._raw):
            if stream.features and not (stream is self._daily and scope.settle_later):
                stream.ahead = scope.as_of
                found.append(plus(Sql(f"{stream.alias}.ahead"), 1))
        self._ahead = scope.as_of
        found += [plus(Sql(f"{alias}.ahead"), 1) for alias in self._distinct.values()]
        return tuple(found)

    def render(self, scope: Scope) -> Sql:
        parts = []
        if self._daily.features and scope.settle_later:
            self._daily.settled = scope.as_of
            columns = sql("{}, bool_or(cut) AS cut", self._daily.select())
            parts.append(_joined(self._daily.alias, columns, self._all_days(scope)))
        elif self._daily.features:
            rows = sql("{}\nUNION ALL\n{}", self._whole_days(scope), self._cut_days(scope))
            parts.append(_joined(self._daily.alias, self._daily.select(), rows))
        if self._raw.features:
            raw = self._raw
            rows = self._events(scope, raw.names, raw.start, raw.limit, raw.shared_extra)
            parts.append(_joined(raw.alias, raw.select(), rows))
        for feature, alias in self._distinct.items():
            parts.append(self._one_distinct(scope, feature, alias))
        return joined("\n", parts)

    def _one_distinct(self, scope: Scope, feature: _Feature, alias: str) -> Sql:
        if self._ahead is None:
            rows = self._events(scope, feature.names, feature.start, feature.end, feature.extra)
            return _joined(alias, sql("{} AS f", feature.aggregate), rows)
        rows = self._events(scope, feature.names, feature.start, None, feature.extra)
        columns = sql(
            "{} FILTER (WHERE occurred_at < {}) AS f, min(occurred_at) FILTER (WHERE occurred_at >= {}) AS ahead",
            feature.aggregate, param(feature.end), param(self._ahead),
        )  # fmt: skip
        return _joined(alias, columns, rows)

    def open(self, scope: Scope) -> tuple[Sql, ...]:
        return (Sql(f"{self._daily.alias}.cut"),) if self._daily.features and scope.settle_later else ()

    def _all_days(self, scope: Scope) -> Sql:
        """Day rows from the widest window on, saying which leave their member open: those that an edge cuts,
        and those that reach `as_of`. All others are inside a window by where they begin."""
        conditions = [self._in_tenant(scope, "d"), _named("d", self._daily.names)]
        if self._daily.start is not None:
            conditions.append(sql("d.last_at >= {}", param(self._daily.start)))
        edges = [edge for edge in self._edges() if edge != scope.as_of]
        cut = sql("d.last_at >= {}", param(scope.as_of))
        if edges:
            cut = sql("{} OR d.first_at < d.last_at AND ({})", cut, _cut(edges))
        return sql(
            f"SELECT {_DAY_COLUMNS}, {{}} AS cut FROM {{}}", cut, self._day_rows(scope, joined(" AND ", conditions))
        )

    def _no_previous(self) -> Sql:
        return Sql(", NULL::timestamptz AS prev_at" if self._days else "")

    def _whole_days(self, scope: Scope) -> Sql:
        start, end = self._daily.start, self._daily.limit
        conditions = [self._in_tenant(scope, "d"), _named("d", self._daily.names)]
        if end is not None:
            conditions.append(sql("d.last_at < {}", param(end)))
        if start is not None:
            conditions.append(sql("d.first_at >= {}", param(start)))
        inner = [edge for edge in self._edges() if edge not in {start, end}]
        if inner:
            conditions.append(sql("(d.first_at = d.last_at OR NOT ({}))", _cut(inner)))
        return sql(
            f"SELECT {_DAY_COLUMNS}{{}} FROM {{}}",
            self._no_previous(), self._day_rows(scope, joined(" AND ", conditions)),
        )  # fmt: skip

    def _cut_days(self, scope: Scope) -> Sql:
        """The events of the days that an edge cuts."""
        start, end = self._daily.start, self._daily.limit
        previous = Sql("")
        if self._days:
            previous = Sql(
                ", lag(e.occurred_at) OVER (PARTITION BY d.member_id, d.name_id, d.day ORDER BY e.occurred_at)"
                " AS prev_at"
            )
        # OFFSET 0 keeps this a look-up per cut day: the planner overrates how many there are and would read the log.
        log, whose = Sql(f"{self.tables.log} e"), Sql("e.member_id = d.member_id")
        if self._merged:
            whose = Sql("e.member_id = h.member_id")
            log = sql(
                f"(SELECT d.member_id UNION ALL SELECT a.id FROM {self.tables.people} a WHERE a.tenant_id = {{}}"
                " AND a.merged_into_id = d.member_id) h CROSS JOIN {}",
                scope.tenant, log,
            )  # fmt: skip
        events = sql(
            "SELECT d.member_id, d.name_id, 1 AS n, (e.amount IS NOT NULL)::int AS amount_count,"
            " e.amount AS amount_sum, e.amount AS amount_min, e.amount AS amount_max,"
            " e.occurred_at AS first_at, e.occurred_at AS last_at{}"
            " FROM {} CROSS JOIN LATERAL (SELECT e.amount, e.occurred_at FROM {} WHERE e.tenant_id = {}"
            " AND {} AND e.name_id = d.name_id AND e.occurred_at >= d.first_at"
            " AND e.occurred_at <= d.last_at AND e.received_at >= {} AND e.received_at < {}"
            " AND e.received_at >= d.first_at - interval '1 day'"
            " AND (e.occurred_at AT TIME ZONE {})::date = d.day OFFSET 0) e"
            " WHERE {} AND {} AND d.first_at < d.last_at AND ({})",
            previous, self._of_members(scope, "d", self.tables.daily), log, scope.tenant, whose,
            param(self._edges()[0] - 2 * _ARRIVES_BEFORE), param(_arrived_by(scope)),
            param(scope.time_zone), self._in_tenant(scope, "d"),
            _named("d", self._daily.names), _cut(self._edges()),
        )  # fmt: skip
        inside = [sql("first_at >= {}", param(start))] if start is not None else []
        inside += [sql("first_at < {}", param(end))] if end is not None else []
        return sql("SELECT * FROM ({}) c WHERE {}", events, joined(" AND ", inside)) if inside else events

    def _events(
        self, scope: Scope, names: tuple[int, ...], start: dt.datetime | None, end: dt.datetime | None, extra: Sql
    ) -> Sql:
        conditions = [self._in_tenant(scope, "e"), _named("e", names)]
        if end is not None:
            conditions.append(sql("e.occurred_at < {}", param(end)))
        if start is not None:
            conditions.append(sql("e.occurred_at >= {}", param(start)))
            conditions.append(sql("e.received_at >= {}", param(start - _ARRIVES_BEFORE)))
        conditions.append(sql("e.received_at < {}", param(_arrived_by(scope))))
        if extra:
            conditions.append(extra)
        member, rows = self.log_rows(scope, joined(" AND ", conditions))
        return sql(
            "SELECT {} AS member_id, e.name_id, e.amount, e.properties, e.occurred_at, e.occurred_at AS first_at,"
            " e.occurred_at AS last_at FROM {}",
            member, rows,
        )  # fmt: skip

    def log_rows(self, scope: Scope, conditions: Sql) -> tuple[Sql, Sql]:
        """The member whom a log row `e` counts for, and FROM and WHERE of the rows that count for those in the scope.
        OFFSET 0 has given members looked up one by one: the planner would rather read whole months of the log. For
        everybody it is the other way round: it would read the log member by member rather than sort what it finds."""
        people, log = self.tables.people, self.tables.log
        if scope.members is None:
            if not self._merged:
                return Sql("e.member_id"), sql(f"(SELECT e.* FROM {log} e WHERE {{}} OFFSET 0) e", conditions)
            alias = "ON a.tenant_id = {} AND a.id = e.member_id AND a.merged_into_id IS NOT NULL"
            rows = sql(f"{log} e LEFT JOIN {people} a {alias} WHERE {{}}", scope.tenant, conditions)
            return Sql("COALESCE(a.merged_into_id, e.member_id)"), rows
        whose = sql("SELECT w.member_id, w.member_id AS logged_id FROM {} w", scope.members)
        if self._merged:
            whose = sql(
                f"{{}} UNION ALL SELECT a.merged_into_id, a.id FROM {{}} w JOIN {people} a ON a.tenant_id = {{}}"
                " AND a.merged_into_id = w.member_id",
                whose, scope.members, scope.tenant,
            )  # fmt: skip
        rows = sql(
            f"({{}}) h CROSS JOIN LATERAL (SELECT e.* FROM {log} e WHERE e.member_id = h.logged_id"
            " AND {} OFFSET 0) e",
            whose, conditions,
        )  # fmt: skip
        return Sql("h.member_id"), rows

    def _edges(self) -> list[dt.datetime]:
        moments = {feature.start for feature in self._daily.features} | {
            feature.end for feature in self._daily.features
        }
        return sorted(moment for moment in moments if moment is not None)

    def _day_rows(self, scope: Scope, conditions: Sql) -> Sql:
        """FROM and WHERE of the day rows `d` of those in the scope; given members are looked up, as in the log."""
        if scope.members is None:
            return sql(f"{self.tables.daily} d WHERE {{}}", conditions)
        return sql(
            f"{{}} w CROSS JOIN LATERAL (SELECT d.* FROM {self.tables.daily} d WHERE d.member_id = w.member_id"
            " AND {} OFFSET 0) d",
            scope.members, conditions,
        )  # fmt: skip

    @staticmethod
    def _of_members(scope: Scope, alias: str, table: str) -> Sql:
        if scope.members is None:
            return Sql(f"{table} {alias}")
        return sql(f"{{}} w JOIN {table} {alias} ON {alias}.member_id = w.member_id", scope.members)

    @staticmethod
    def _in_tenant(scope: Scope, alias: str) -> Sql:
        return Sql(f"{alias}.tenant_id = {scope.tenant.text}")


def _arrived_by(scope: Scope) -> dt.datetime:
    """Nothing arrives in the future: with this bound the planner leaves out the months ahead and the default."""
    return shifted(max(scope.as_of, timezone.now()), _ARRIVES_BEFORE // MICROSECOND)


def _joined(alias: str, columns: Sql, rows: Sql) -> Sql:
    """Aggregate columns per member, joined to the members. The rows are called `e`, as in the log."""
    return sql(
        f"LEFT JOIN (SELECT member_id, {{}}\nFROM ({{}}) e GROUP BY member_id) {alias} ON {alias}.member_id = m.id",
        columns, rows,
    )  # fmt: skip


def _named(alias: str, names: tuple[int, ...]) -> Sql:
    if len(names) == 1:
        return Sql(f"{alias}.name_id = %s", names)
    return sql(f"{alias}.name_id = ANY({{}})", params(names, "int"))


def _cut(edges: list[dt.datetime]) -> Sql:
    """Whether any edge falls between the first and the last event of a day row: it would be inside only in part."""
    return joined(" OR ", [sql("d.first_at < {} AND d.last_at >= {}", param(edge), param(edge)) for edge in edges])
