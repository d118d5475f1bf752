"""Many rules, one pass: the FROM clause that computes every feature once, and each rule as an expression over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from urm.rules.names import Names
from urm.rules.operands import Scope
from urm.rules.plan import Override, Plan, earliest
from urm.rules.sqltext import Sql, sql
from urm.rules.tree import Node


@dataclass(frozen=True, slots=True)
class Compiled:
    """`conditions` stand in the order of the nodes given; each is true, false or NULL (which is false) for a member.
    Rows of the FROM clause are members (alias `m`); `alive` says whether rules are about that member at all.
    `next_at` is the earliest moment after `as_of` at which time alone can change any condition, NULL if none."""

    from_clause: Sql
    alive: Sql
    conditions: tuple[Sql, ...]
    next_at: Sql


def compile_rules(
    nodes: Sequence[Node], names: Names, scope: Scope, overrides: Mapping[str, Override] | None = None
) -> Compiled:
    plan = Plan(scope, names, overrides)
    conditions = tuple(plan.condition(node) for node in nodes)
    moments: tuple[Sql, ...] = ()
    if scope.aging:
        moments = tuple(dict.fromkeys(moment for node in nodes for moment in plan.moments(node)))
        moments += plan.wakes_at()
    return Compiled(plan.from_clause(), plan.alive(), conditions, earliest(moments))


def matching_members(node: Node, names: Names, scope: Scope, columns: str = "m.id") -> Sql:
    """SELECT of the members a rule holds for; `columns` are of the members table `m`."""
    compiled = compile_rules([node], names, scope)
    return sql(
        f"SELECT {columns} {{}} AND {{}} AND {{}} IS TRUE", compiled.from_clause, compiled.alive, compiled.conditions[0]
    )
