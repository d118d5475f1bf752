"""The `sequence` fact: events in a given order, the last soon enough after the first, and nothing unwanted in between.

For every event that can be the last step, only the latest possible first step matters: the later the first, the shorter
the way and the less there is in between. So one walk through a member's events in order of time decides, in SQL as one
window per step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from urm.rules import parameters
from urm.rules.check import Reader
from urm.rules.eventfact import event_ids, event_source, where_moments, where_sql
from urm.rules.eventsource import EventTables
from urm.rules.facts import Depends, Fact, Parameter, Variant
from urm.rules.literals import read_days
from urm.rules.names import Names
from urm.rules.operands import Operand
from urm.rules.operators import plus
from urm.rules.plan import Plan, earliest
from urm.rules.sqltext import Sql, joined, param, params, sql
from urm.rules.tree import Node, Params
from urm.rules.types import Kind, Typed
from urm.rules.windows import DAY_US
from urm.rules.words.sequences import sequence_sentence

MAX_STEPS = 10


@dataclass(frozen=True, slots=True)
class Step:
    """Any event of one of these names for which `where` holds."""

    names: tuple[str, ...]
    where: Node | None = None


def sequence_fact(tables: EventTables) -> Fact:
    """The declaration, for the app that owns these tables."""
    return Fact(
        key="sequence",
        label_en="sequence of events",
        label_zh="行为序列",
        parameters=(
            Parameter("steps", _read_steps, _steps_schema),
            Parameter("within_days", _read_days, lambda names: parameters.DAYS_SCHEMA, required=False),
            Parameter("without", _read_step, _step_schema, required=False),
        ),
        typed=lambda terms, names: Typed(Kind.BOOLEAN),
        variants=lambda names: [Variant(Typed(Kind.BOOLEAN))],
        sql=lambda terms, plan: _operand(tables, terms, plan),
        changes=_changes,
        obeys_as_of=True,
        wheres=lambda terms, name: tuple(step.where for step in _all_steps(terms) if name in step.names),
        sentence=sequence_sentence,
        evidence=lambda terms, plan, member_id, leaf: _evidence(tables, terms, plan, member_id),
    )


def _all_steps(terms: Params) -> tuple[Step, ...]:
    return (*terms["steps"], terms["without"]) if "without" in terms else tuple(terms["steps"])


def _changes(terms: Params, names: Names) -> Depends:
    return frozenset(("event", name) for step in _all_steps(terms) for name in step.names)


# Reading


def _step_schema(names: Names) -> Mapping[str, Any]:
    events = parameters.named_list("name", "event", "").schema(names)
    return {
        "type": "object",
        "required": ["name"],
        "properties": {"name": events, "where": {"$ref": "#/$defs/where"}},
        "additionalProperties": False,
    }


def _steps_schema(names: Names) -> Mapping[str, Any]:
    return {"type": "array", "items": _step_schema(names), "minItems": 2, "maxItems": MAX_STEPS}


def _read_steps(reader: Reader, raw: Any, path: str) -> tuple[Step, ...] | None:
    if not isinstance(raw, (list, tuple)) or not 2 <= len(raw) <= MAX_STEPS:
        reader.problem(path, _("expected a list of 2 to %(most)s steps") % {"most": MAX_STEPS}, "bad_list")
        return None
    steps = [_read_step(reader, item, f"{path}[{index}]") for index, item in enumerate(raw)]
    return tuple(step for step in steps if step is not None)


def _read_step(reader: Reader, raw: Any, path: str) -> Step | None:
    if not isinstance(raw, dict) or "name" not in raw:
        reader.problem(path, _('expected {"name": EVENT} or {"name": EVENT, "where": …}'), "bad_step")
        return None
    for key in raw:
        if key not in {"name", "where"}:
            reader.unknown(f"{path}.{str(key)[:64]}", _("key"), key, ["name", "where"])
    names = parameters.named_list("name", "event", _("event")).read(reader, raw["name"], f"{path}.name")
    where = reader.where(raw["where"], f"{path}.where", reader.depth + 1) if "where" in raw else None
    return Step(names or (), where)


def _read_days(reader: Reader, raw: Any, path: str) -> int | None:
    return read_days(reader, raw, path, least=1)


# SQL


def _operand(tables: EventTables, terms: Params, plan: Plan) -> Operand:
    as_of = param(plan.scope.as_of)
    ends = sql("bool_or({} AND at < {}) AS held", _complete(terms), as_of)
    columns = [ends, sql("min(at) FILTER (WHERE at >= {}) AS ahead", as_of)]
    moments = _where_moments(terms, plan) if plan.scope.aging else ()
    if moments:
        columns.append(Sql("min(turns) AS turns"))
    rows = _walk(tables, terms, plan, turns=earliest(moments) if moments else None)
    alias = plan.join(
        f"sequence {terms}",
        "LEFT JOIN (SELECT member_id, {} FROM ({}) w GROUP BY member_id) ALIAS ON ALIAS.member_id = m.id",
        joined(", ", columns), rows,
    )  # fmt: skip
    # What has once happened in this order stays so; only events dated slightly ahead are still to come.
    changes = (plus(Sql(f"{alias}.ahead"), 1), *((Sql(f"{alias}.turns"),) if moments else ()))
    return Operand(Sql(f"COALESCE({alias}.held, false)"), Kind.BOOLEAN, changes_at=changes if plan.scope.aging else ())


def _complete(terms: Params) -> Sql:
    """Whether a row of the walk ends the sequence: `l` is the latest first step from which it is reached."""
    last = f"l{len(terms['steps']) - 1}"
    conditions = [Sql(f"{last} IS NOT NULL")]
    if "within_days" in terms:
        conditions.append(Sql(f"at - {last} <= interval '1 microsecond' * {terms['within_days'] * DAY_US}"))
    if "without" in terms:
        conditions.append(Sql(f"(unwanted IS NULL OR unwanted <= {last})"))
    return sql("({})", joined(" AND ", conditions))


# Rows strictly before, whatever else happened at the very same moment.
_BEFORE = "OVER (PARTITION BY member_id ORDER BY at GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"


def _walk(
    tables: EventTables, terms: Params, plan: Plan, turns: Sql | None = None, member_id: int | None = None
) -> Sql:
    """Rows in which l0 … ln tell from which first step each step can have been reached."""
    walk = _events(tables, terms, plan, turns, member_id)
    for number in range(1, len(terms["steps"])):
        reached = f"CASE WHEN s{number} THEN max(l{number - 1}) {_BEFORE} END AS l{number}"
        unwanted = f", max(at) FILTER (WHERE unwanted_here) {_BEFORE} AS unwanted"
        last = number == len(terms["steps"]) - 1
        walk = sql(f"SELECT *, {reached}{unwanted if last and 'without' in terms else ''} FROM ({{}}) l", walk)
    return walk


def _events(tables: EventTables, terms: Params, plan: Plan, turns: Sql | None, member_id: int | None) -> Sql:
    scope = plan.scope
    columns = []
    for number, step in enumerate(terms["steps"]):
        columns.append(sql(f"{{}} AS {f's{number}' if number else 'first'}", _is(step, plan)))
    if "without" in terms:
        columns.append(sql("{} AS unwanted_here", _is(terms["without"], plan)))
    if turns is not None:
        columns.append(sql("{} AS turns", turns))
    wanted = tuple(sorted({name for step in _all_steps(terms) for name in step.names}))
    conditions = [Sql(f"e.tenant_id = {scope.tenant.text}"), _named(event_ids(plan.names, wanted))]
    if not scope.aging:
        conditions.append(sql("e.occurred_at < {}", param(scope.as_of)))
    if member_id is None:
        member, rows = event_source("", tables, plan.names).log_rows(scope, joined(" AND ", conditions))
    else:
        conditions.append(tables.history_of(member_id, scope.tenant))
        member, rows = Sql("%s", (member_id,)), sql(f"{tables.log} e WHERE {{}}", joined(" AND ", conditions))
    return sql(
        "SELECT *, CASE WHEN first THEN at END AS l0 FROM (SELECT {} AS member_id, e.id, e.name_id, e.amount,"
        " e.occurred_at AS at, {} FROM {}) f",
        member, joined(", ", columns), rows,
    )  # fmt: skip


def _named(ids: tuple[int, ...]) -> Sql:
    return sql("e.name_id = ANY({})", params(ids, "int"))


def _is(step: Step, plan: Plan) -> Sql:
    named = _named(event_ids(plan.names, step.names))
    if step.where is None:
        return named
    return sql("(({} AND {}) IS TRUE)", named, where_sql(step.where, plan.scope))


def _where_moments(terms: Params, plan: Plan) -> tuple[Sql, ...]:
    return tuple(
        moment
        for step in _all_steps(terms)
        if step.where is not None
        for moment in where_moments(step.where, plan.scope)
    )


def _evidence(tables: EventTables, terms: Params, plan: Plan, member_id: int) -> Sql:
    """The event that completed it the last time."""
    return sql(
        "SELECT id, at, name_id, amount FROM ({}) w WHERE {} AND at < {} ORDER BY at DESC, id DESC LIMIT 1",
        _walk(tables, terms, plan, member_id=member_id), _complete(terms), param(plan.scope.as_of),
    )  # fmt: skip
