"""The plan of one pass: what all its rules need from the tables, each once, and the SQL of every rule over it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from django.utils.translation import gettext as _

from urm.rules.errors import Problem, RuleError
from urm.rules.facts import facts
from urm.rules.names import Key, Names
from urm.rules.operands import Operand, Scope
from urm.rules.operators import compared, moments_of
from urm.rules.sqltext import FALSE, TRUE, Sql, joined, sql
from urm.rules.tree import AllOf, FactTerm, Leaf, Node, Not, Params


@dataclass(frozen=True, slots=True)
class Population:
    """Where members stand: `table` gets the alias `m`; `alive` is true for those whom rules are about as of a moment,
    and `wakes_at` is when time alone makes that so."""

    table: str
    alive: Callable[[dt.datetime], Sql]
    wakes_at: Callable[[dt.datetime], Sql]


class Source(Protocol):
    """Something joined to the members once per pass; it knows all that was asked of it when it is rendered."""

    def render(self, scope: Scope) -> Sql: ...

    def wakes_at(self, scope: Scope) -> tuple[Sql, ...]:
        """Moments at which anything read from this source may change, whatever the condition."""
        ...

    def open(self, scope: Scope) -> tuple[Sql, ...]:
        """Conditions under which a member is left open (see Scope.settle_later)."""
        ...


@dataclass(frozen=True, slots=True)
class _Join:
    text: Sql

    def render(self, scope: Scope) -> Sql:
        return self.text

    def wakes_at(self, scope: Scope) -> tuple[Sql, ...]:
        return ()

    def open(self, scope: Scope) -> tuple[Sql, ...]:
        return ()


S = TypeVar("S", bound=Source)
# Replaces a fact's own SQL in one pass, e.g. a tag by the rule that drives it; None leaves the fact as it is.
Override = Callable[[Params, "Plan"], Operand | None]
_population: list[Population] = []


def declare_population(population: Population) -> None:
    _population[:] = [population]


class Plan:
    def __init__(self, scope: Scope, names: Names, overrides: Mapping[str, Override] | None = None) -> None:
        self.scope, self.names = scope, names
        self.population = _population[0]
        self._overrides = dict(overrides or {})
        self._sources: dict[str, Source] = {}
        self._conditions: dict[Node, Sql] = {}
        self._inside: list[tuple[str, Key]] = []

    def source(self, key: str, make: Callable[[str], S]) -> S:
        """The source of that key, made with its alias when first asked for."""
        if key not in self._sources:
            self._sources[key] = make(f"j{len(self._sources)}")
        return self._sources[key]  # type: ignore[return-value]  # a key always means one class

    def join(self, key: str, template: str, *parts: Sql) -> str:
        """The alias of a plain join, written once; `ALIAS` stands for the alias in the template."""
        if key not in self._sources:
            alias = f"j{len(self._sources)}"
            self._sources[key] = _Join(sql(template.replace("ALIAS", alias), *parts))
        return next(f"j{place}" for place, known in enumerate(self._sources) if known == key)

    @contextmanager
    def inside(self, kind: str, key: Key) -> Iterator[None]:
        """While the rule of something that other rules refer to is inlined; refuses to go round in a circle."""
        if (kind, key) in self._inside:
            message = _("the rule refers to itself through %(kind)s %(key)s") % {"kind": kind, "key": key}
            raise RuleError([Problem("rule", message, "cycle")])
        self._inside.append((kind, key))
        try:
            yield
        finally:
            self._inside.pop()

    def operand(self, subject: FactTerm) -> Operand:
        override = self._overrides.get(subject.fact)
        replaced = override(subject.params, self) if override else None
        return replaced or facts()[subject.fact].sql(subject.params, self)

    def condition(self, node: Node) -> Sql:
        """SQL whose `IS TRUE` is the answer. AND and OR of missing comparisons may stay NULL: as they never turn a
        NULL into true, reading NULL as false at the top equals reading it so at each leaf; NOT reads it at once."""
        known = self._conditions.get(node)
        if known is None:
            known = self._conditions[node] = self._condition(node)
        return known

    def moments(self, node: Node) -> tuple[Sql, ...]:
        """The moments after `as_of` at which any leaf of the tree can change by itself; each may be NULL."""
        if not self.scope.aging:
            return ()
        if isinstance(node, Leaf):
            assert isinstance(node.subject, FactTerm)
            return moments_of(self.operand(node.subject), node, self.condition(node), self.scope)
        children = (node.rule,) if isinstance(node, Not) else node.rules
        return tuple(dict.fromkeys(moment for child in children for moment in self.moments(child)))

    def from_clause(self) -> Sql:
        """FROM the members `m` (in the scope), each source joined. Ask for it after all conditions. In a scope of given
        members, `m.wanted_id` is theirs also where there is no such member."""
        tenant = self.scope.tenant
        table = Sql(self.population.table)
        sources = joined("\n", [source.render(self.scope) for source in self._sources.values()])
        if self.scope.members is None:
            return sql("FROM {} m\n{}\nWHERE m.tenant_id = {}", table, sources, tenant)
        # OFFSET 0 keeps the planner from computing all sources anew for each member.
        return sql(
            "FROM (SELECT w.member_id AS wanted_id, p.* FROM {} w LEFT JOIN {} p ON p.tenant_id = {}"
            " AND p.id = w.member_id OFFSET 0) m\n{}\nWHERE true",
            self.scope.members, table, tenant, sources,
        )  # fmt: skip

    def alive(self) -> Sql:
        return sql("(m.id IS NOT NULL AND {})", self.population.alive(self.scope.as_of))

    def wakes_at(self) -> tuple[Sql, ...]:
        own = self.population.wakes_at(self.scope.as_of)
        return (own, *(moment for source in self._sources.values() for moment in source.wakes_at(self.scope)))

    def open(self) -> Sql:
        """Whether the member has to be looked at again on its own. Ask for it after all conditions."""
        found = [condition for source in self._sources.values() for condition in source.open(self.scope)]
        return sql("({}) IS TRUE", joined(" OR ", found)) if found else FALSE

    def _condition(self, node: Node) -> Sql:
        if isinstance(node, Leaf):
            assert isinstance(node.subject, FactTerm)
            return compared(self.operand(node.subject), node, self.scope)
        if isinstance(node, Not):
            return sql("({} IS NOT TRUE)", self.condition(node.rule))
        if not node.rules:
            return TRUE if isinstance(node, AllOf) else FALSE
        separator = " AND " if isinstance(node, AllOf) else " OR "
        return sql("({})", joined(separator, [self.condition(child) for child in node.rules]))


def earliest(moments: tuple[Sql, ...]) -> Sql:
    """The least of some moments, ignoring those that are NULL."""
    if not moments:
        return Sql("NULL::timestamptz")
    return sql("LEAST({})", joined(", ", moments))
