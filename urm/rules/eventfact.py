"""The `event` fact: how often, how much, when first and last. The app that owns the log declares it with its tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from django.utils.translation import gettext as _

from urm.rules import jsonvalues, parameters
from urm.rules.check import AMOUNT, MAX_PROPERTY, Reader, storable
from urm.rules.eventsource import EventSource, EventTables
from urm.rules.facts import Depends, Fact, Parameter, Variant
from urm.rules.names import Names
from urm.rules.operands import Elapsed, Operand, Ratio, Scope
from urm.rules.operators import compared, own_moments, plus
from urm.rules.plan import Plan, earliest
from urm.rules.sqltext import FALSE, TRUE, Sql, joined, param, params, sql
from urm.rules.tree import AllOf, Leaf, Node, Not, Params, Prop, leaves
from urm.rules.types import Kind, Typed
from urm.rules.windows import Span, span
from urm.rules.words.events import event_sentence

SIMPLE = ("count", "days", "first", "last", "days_since_last")
OF_PROPERTY = ("sum", "avg", "min", "max", "distinct")
_MOMENTS = ("first", "last")


@dataclass(frozen=True, slots=True)
class Measure:
    """One of SIMPLE, or one of OF_PROPERTY with the property it is taken of."""

    name: str
    prop: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.prop}" if self.prop else self.name


def event_fact(tables: EventTables) -> Fact:
    """The declaration, for the app that owns these tables."""

    return Fact(
        key="event",
        label_en="behaviour",
        label_zh="行为事件",
        parameters=(
            parameters.named_list("name", "event", _("event")),
            measure_parameter(),
            parameters.where(),
            parameters.window(),
        ),
        typed=lambda params, names: Typed(Kind.DATETIME if params["measure"].name in _MOMENTS else Kind.NUMBER),
        variants=_variants,
        sql=lambda params, plan: event_operand(tables, params, plan),
        changes=_changes,
        obeys_as_of=True,
        sentence=event_sentence,
        evidence=lambda params, plan, member_id, leaf: event_evidence(tables, params, plan, member_id, leaf),
    )


def event_operand(tables: EventTables, terms: Params, plan: Plan) -> Operand:
    """What an `event` term with these parameters yields: for other facts that count events."""
    source = plan.source("event", lambda alias: event_source(alias, tables, plan.names))
    return _Features(source, terms, plan).operand()


def event_source(alias: str, tables: EventTables, names: Names) -> EventSource:
    return EventSource(alias, tables, merged=bool(names.all("merged")))


def event_ids(names: Names, wanted: tuple[str, ...]) -> tuple[int, ...]:
    entries = (names.find("event", name) for name in wanted)
    return tuple(sorted(entry.id for entry in entries if entry is not None and entry.id is not None))


def measure_parameter(*, numbers_only: bool = False) -> Parameter:
    """What is taken of the events; `numbers_only` leaves out the moments."""
    simple = tuple(name for name in SIMPLE if not (numbers_only and name in _MOMENTS))

    def read(reader: Reader, raw: Any, path: str) -> Measure | None:
        if isinstance(raw, str):
            name, colon, prop = raw.partition(":")
            of_property = name in OF_PROPERTY and 0 < len(prop) <= MAX_PROPERTY and storable(prop)
            if (not colon and name in simple) or of_property:
                return Measure(name, prop)
        known = [*simple, *(f"{name}:amount" for name in OF_PROPERTY)]
        reader.unknown(path, _("measure"), raw if isinstance(raw, str) else type(raw).__name__, known)
        return None

    pattern = _NUMBERS if numbers_only else f"{_NUMBERS}|^({'|'.join(_MOMENTS)})$"
    return Parameter("measure", read, lambda names: {"type": "string", "pattern": pattern}, kind="measure")


_NUMBERS = rf"^(count|days|days_since_last|({'|'.join(OF_PROPERTY)}):[\s\S]{{1,{MAX_PROPERTY}}})$"


def _variants(names: Names) -> list[Variant]:
    return [
        Variant(Typed(Kind.NUMBER), {"measure": {"type": "string", "pattern": _NUMBERS}}),
        Variant(Typed(Kind.DATETIME), {"measure": {"enum": list(_MOMENTS)}}),
    ]


def _changes(params: Params, names: Names) -> Depends:
    return frozenset(("event", name) for name in params["name"])


class _Features:
    """One event term as an operand over the pass's event source."""

    def __init__(self, source: EventSource, params: Params, plan: Plan) -> None:
        self.source, self.plan, self.scope = source, plan, plan.scope
        self.names = event_ids(plan.names, params["name"])
        self.measure: Measure = params["measure"]
        self.where: Node | None = params.get("where")
        self.span = span(params.get("window"), self.scope.as_of, self.scope.time_zone)

    @property
    def from_days(self) -> bool:
        """Whether the daily counts hold what is asked."""
        return self.where is None and (
            self.measure.prop in {"", AMOUNT}
            and self.measure.name != "distinct"
            and not (self.measure.name == "days" and len(self.names) != 1)
        )

    def operand(self) -> Operand:
        operand = self._operand()
        return replace(operand, changes_at=operand.changes_at + self._where_moving()) if self.scope.aging else operand

    def _operand(self) -> Operand:  # noqa: PLR0911 - one return per measure
        number = Kind.NUMBER
        match self.measure.name:
            case "count":
                counted = self._get("sum(n)", Sql("count(*)"))
                return Operand(
                    sql("COALESCE({}, 0)", counted), number, falls_at=self._leaving(), rises_at=self._entering()
                )
            case "days":
                return Operand(self._days(), number, falls_at=self._leaving(), rises_at=self._entering())
            case "distinct":
                value = distinct_value(self.measure.prop)
                count = self.source.distinct(value, self.names, self.span, self._where())
                shown = sql("COALESCE({}, 0)", count)
                return Operand(shown, number, falls_at=self._leaving(), rises_at=self._entering())
            case "sum":
                total = self._amount("sum")
                return Operand(sql("COALESCE({}, 0)", total), number, changes_at=self._moving())
            case "avg":
                given = sql("NULLIF({}, 0)", self._amount("count"))
                return Ratio(self._amount("sum"), number, changes_at=self._moving(), denominator=given)
            case "min" | "max":
                return Operand(self._amount(self.measure.name), number, changes_at=self._moving())
            case "first":
                return Operand(self._first(self.span), Kind.DATETIME, changes_at=self._moving())
            case "last":
                return Operand(self._last(), Kind.DATETIME, changes_at=self._last_moving())
            case _:
                return Elapsed(self._last(), number, changes_at=self._last_moving())

    def _where(self) -> Sql:
        return sql("({})", where_sql(self.where, self.scope)) if self.where is not None else Sql("")

    def _get(self, of_days: str, of_events: Sql, within: Span | None = None) -> Sql:
        if self.from_days:
            return self.source.daily(of_days, self.names, within or self.span)
        return self.source.raw(of_events, self.names, within or self.span, self._where())

    def _amount(self, aggregate: str) -> Sql:
        if self.from_days:
            of_days = {"sum": "sum(amount_sum)", "count": "sum(amount_count)"}.get(aggregate)
            return self.source.daily(of_days or f"{aggregate}(amount_{aggregate})", self.names, self.span)
        value = prop_sql(self.measure.prop, Kind.NUMBER, self.scope.time_zone)
        return self.source.raw(sql(f"{aggregate}({{}})", value), self.names, self.span, self._where())

    def _days(self) -> Sql:
        if self.from_days:
            counted = self.source.daily("count(*)", self.names, self.span, first_of_day=True)
        else:
            day = sql("(e.occurred_at AT TIME ZONE {})::date", param(self.scope.time_zone))
            counted = self.source.distinct(day, self.names, self.span, self._where())
        return sql("COALESCE({}, 0)", counted)

    def _first(self, within: Span) -> Sql:
        return self._get("min(first_at)", Sql("min(occurred_at)"), within)

    def _last(self) -> Sql:
        return self._get("max(last_at)", Sql("max(occurred_at)"))

    # When the window moves on

    def _leaving(self) -> tuple[Sql, ...]:
        """The oldest event inside is the first to leave; at a turn of the calendar all change places."""
        if not self.scope.aging:
            return ()
        if self.span.leaves_after_us is not None:
            return (plus(self._first(self.span), self.span.leaves_after_us + 1),)
        return self._turning()

    def _entering(self) -> tuple[Sql, ...]:
        if not self.scope.aging:
            return ()
        if self.span.enters_after_us is not None:
            waiting = Span(self.span.end, self.scope.as_of)
            return (plus(self._first(waiting), self.span.enters_after_us + 1),)
        return self._turning()

    def _turning(self) -> tuple[Sql, ...]:
        """At the calendar's next turn, for those with any event since the window's beginning."""
        if self.span.turns_at is None:
            return ()
        since = self._first(Span(self.span.start, self.scope.as_of))
        return (sql("CASE WHEN {} IS NOT NULL THEN {}::timestamptz END", since, param(self.span.turns_at)),)

    def _moving(self) -> tuple[Sql, ...]:
        return tuple(dict.fromkeys(self._leaving() + self._entering()))

    def _where_moving(self) -> tuple[Sql, ...]:
        """A `where` that compares a date with `as_of` turns by itself for each single event."""
        if self.where is None:
            return ()
        moments = where_moments(self.where, self.scope)
        if not moments:
            return ()
        since = Span(self.span.start, self.scope.as_of)
        return (self.source.raw(sql("min({})", earliest(moments)), self.names, since, Sql("")),)

    def _last_moving(self) -> tuple[Sql, ...]:
        """The last event matters until it leaves itself."""
        if self.scope.aging and self.span.leaves_after_us is not None:
            return (plus(self._last(), self.span.leaves_after_us + 1), *self._entering())
        return self._moving()


def prop_sql(name: str, kind: Kind | None, time_zone: str) -> Sql:
    """A property of the event `e`."""
    if name == AMOUNT:
        return Sql("e.amount")
    return jsonvalues.read(Sql("e.properties"), name, kind, time_zone)


def where_sql(node: Node, scope: Scope) -> Sql:
    """A `where` as SQL over the event `e`; its `IS TRUE` is the answer (see Plan.condition)."""
    if isinstance(node, Leaf):
        return compared(_prop_operand(node, scope), node, scope)
    if isinstance(node, Not):
        return sql("({} IS NOT TRUE)", where_sql(node.rule, scope))
    if not node.rules:
        return TRUE if isinstance(node, AllOf) else FALSE
    separator = " AND " if isinstance(node, AllOf) else " OR "
    return sql("({})", joined(separator, [where_sql(child, scope) for child in node.rules]))


def where_moments(node: Node, scope: Scope) -> tuple[Sql, ...]:
    """When a `where` can turn by itself for an event `e`, since it compares a date with `as_of`."""
    return tuple(m for leaf in leaves(node) for m in own_moments(_prop_operand(leaf, scope), leaf, scope))


def _prop_operand(leaf: Leaf, scope: Scope) -> Operand:
    prop = cast(Prop, leaf.subject)
    return Operand(prop_sql(prop.name, prop.kind, scope.time_zone), prop.kind or Kind.TEXT)


def event_evidence(tables: EventTables, terms: Params, plan: Plan, member_id: int, leaf: Leaf | None = None) -> Sql:
    """The event that decided, and whether it lies inside the window.

    The first, the last or the extreme one (the earliest of equals) where that is what is asked; of counts, sums and
    averages the one since which the condition has been met, or not: after it the answer did not turn again. Where it
    never turned, or without a condition on the figure, the last that counted; where nothing counted, the last before
    the window. Of a property only events that have it."""
    measure: Measure = terms["measure"]
    within = span(terms.get("window"), plan.scope.as_of, plan.scope.time_zone)
    value = _counted_value(measure, plan.scope)
    like = [
        Sql(f"e.tenant_id = {plan.scope.tenant.text}"),
        tables.history_of(member_id, plan.scope.tenant),
        sql("e.name_id = ANY({})", params(event_ids(plan.names, terms["name"]), "int")),
        sql("{} IS NOT NULL", value),
    ]
    if terms.get("where") is not None:
        like.append(where_sql(terms["where"], plan.scope))
    inside = [*like, sql("e.occurred_at < {}", param(within.end))]
    if within.start is not None:
        inside.append(sql("e.occurred_at >= {}", param(within.start)))
    event = "e.id, e.occurred_at, e.name_id, e.amount"
    counted = sql(f"SELECT {event}, {{}} AS value FROM {tables.log} e WHERE {{}}", value, joined(" AND ", inside))
    found = sql("WITH counted AS MATERIALIZED ({}) ({})", counted, _deciding(measure, leaf, plan.scope))
    if within.start is None:
        return found
    before = sql("{} AND e.occurred_at < {}", joined(" AND ", like), param(min(within.start, plan.scope.as_of)))
    return sql(
        f"{{}} UNION ALL (SELECT {event}, false FROM {tables.log} e WHERE {{}} AND NOT EXISTS (SELECT FROM counted)"
        " ORDER BY e.occurred_at DESC, e.id DESC LIMIT 1)",
        found, before,
    )  # fmt: skip


def _counted_value(measure: Measure, scope: Scope) -> Sql:
    """What the measure takes of the event `e`."""
    if measure.name == "days":
        return sql("(e.occurred_at AT TIME ZONE {})::date", param(scope.time_zone))
    if measure.name == "distinct":
        return distinct_value(measure.prop)
    return prop_sql(measure.prop, Kind.NUMBER, scope.time_zone) if measure.prop else Sql("1")


def _deciding(measure: Measure, leaf: Leaf | None, scope: Scope) -> Sql:
    """One row of `counted`, at most."""
    picked = "SELECT id, occurred_at, name_id, amount, true FROM"
    match measure.name:
        case "first":
            return Sql(f"{picked} counted ORDER BY occurred_at, id LIMIT 1")
        case "min" | "max":
            way = "ASC" if measure.name == "min" else "DESC"
            return Sql(f"{picked} counted ORDER BY value {way}, occurred_at, id LIMIT 1")
    if measure.name not in _RUNNING or leaf is None or leaf.subject.kind is not Kind.NUMBER:
        return Sql(f"{picked} counted ORDER BY occurred_at DESC, id DESC LIMIT 1")
    so_far = "OVER (ORDER BY occurred_at, id ROWS UNBOUNDED PRECEDING)"
    figure: Operand = Operand(Sql("figure"), Kind.NUMBER)
    nothing: Operand = Operand(Sql("0"), Kind.NUMBER)
    if measure.name == "avg":
        figure = Ratio(Sql("figure"), Kind.NUMBER, denominator=Sql("place"))
        nothing = Ratio(Sql("NULL::numeric"), Kind.NUMBER, denominator=Sql("NULL::numeric"))
    return sql(
        f"{picked} (SELECT *, lag(met, 1, ({{}}) IS TRUE) OVER (ORDER BY occurred_at, id) AS met_before FROM ("
        f"SELECT *, ({{}}) IS TRUE AS met FROM (SELECT *, {_RUNNING[measure.name]} {so_far} AS figure FROM ("
        f"SELECT *, count(*) {so_far} AS place,"
        " (row_number() OVER (PARTITION BY value ORDER BY occurred_at, id) = 1)::int AS fresh FROM counted) c) r) m) t"
        " ORDER BY (met <> met_before) DESC, occurred_at DESC, id DESC LIMIT 1",
        compared(nothing, leaf, scope), compared(figure, leaf, scope),
    )  # fmt: skip


# What each measure is after so many events.
_RUNNING = {
    "count": "count(*)",
    "days": "sum(fresh)",
    "distinct": "sum(fresh)",
    "sum": "sum(value)",
    "avg": "sum(value)",
}


def distinct_value(prop: str) -> Sql:
    """A single value of the event `e`, not a list or an object; 1 and 1.0 are the same one."""
    if prop == AMOUNT:
        return Sql("e.amount")
    item = sql("(e.properties -> {})", param(prop))
    return sql("CASE WHEN jsonb_typeof({}) IN ('string', 'number', 'boolean') THEN {} END", item, item)
