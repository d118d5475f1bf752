"""Why a member is in or not: the rule's own tree, each condition with what was expected, what is, and if it is met.

The answers come from the same SQL as every pass, asked for one member: a reason can never disagree with the result."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from urm.rules.facts import facts
from urm.rules.names import Names
from urm.rules.operands import Elapsed, Operand, Ratio, Scope
from urm.rules.plan import Plan
from urm.rules.sqltext import Sql, joined, param, sql
from urm.rules.tree import AllOf, AnyOf, FactTerm, Leaf, Node, Not, Rule, leaves
from urm.rules.types import Kind
from urm.rules.words import leaf_words, words
from urm.rules.words.phrases import value_words

_DIGITS = 6

Fetch = Callable[[Sql], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The event that decided a condition; not `counted` is the last one before the window, in which there is none."""

    id: int
    occurred_at: dt.datetime
    name: str
    amount: Decimal | None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Explanation:
    """`kind` is all, any, not or condition; `expected` and `actual` are in words and stand on conditions only."""

    kind: str
    words: str
    met: bool
    expected: str = ""
    actual: str = ""
    event: Evidence | None = None
    children: tuple[Explanation, ...] = ()


def explain(
    rule: Rule, *, member_id: int, names: Names, as_of: dt.datetime, language: str, fetch: Fetch
) -> Explanation:
    """`fetch` runs a statement as the current tenant and gives back its rows."""
    members = Sql(f"(SELECT {int(member_id)}::bigint AS member_id)")
    plan = Plan(Scope(names.tenant_id, names.time_zone, as_of, members), names)
    conditions = list(dict.fromkeys(leaves(rule.node)))
    columns = [column for leaf in conditions for column in _columns(leaf, plan)]
    found: tuple[Any, ...] = ()
    if columns:
        clause = plan.from_clause()
        (found,) = fetch(sql("SELECT {} {}", joined(", ", columns), clause))
    answers = {leaf: (bool(found[2 * i]), found[2 * i + 1]) for i, leaf in enumerate(conditions)}
    return _Walk(plan, member_id, language, fetch, answers).node(rule.node)


def _columns(leaf: Leaf, plan: Plan) -> Iterator[Sql]:
    assert isinstance(leaf.subject, FactTerm)
    yield sql("({}) IS TRUE", plan.condition(leaf))
    yield _shown(plan.operand(leaf.subject), plan)


def _shown(operand: Operand, plan: Plan) -> Sql:
    if operand.shown is not None:
        return operand.shown
    if isinstance(operand, Ratio):
        return sql("({} / {})", operand.sql, operand.denominator)
    if isinstance(operand, Elapsed):
        seconds = sql("extract(epoch FROM {} - {})", param(plan.scope.as_of), operand.sql)
        return sql("({} / 86400)", seconds)
    return operand.sql


@dataclass(frozen=True, slots=True)
class _Walk:
    plan: Plan
    member_id: int
    language: str
    fetch: Fetch
    answers: dict[Leaf, tuple[bool, Any]]

    def node(self, node: Node) -> Explanation:
        text = words(node, self.language, self.plan.names)
        if isinstance(node, Leaf):
            return self._leaf(node, text)
        if isinstance(node, Not):
            child = self.node(node.rule)
            return Explanation("not", text, not child.met, children=(child,))
        children = tuple(self.node(child) for child in node.rules)
        met = [child.met for child in children]
        if isinstance(node, AllOf):
            return Explanation("all", text, all(met), children=children)
        assert isinstance(node, AnyOf)
        return Explanation("any", text, any(met), children=children)

    def _leaf(self, leaf: Leaf, text: str) -> Explanation:
        assert isinstance(leaf.subject, FactTerm)
        met, actual = self.answers[leaf]
        expected = leaf_words(leaf, self.language, self.plan.names) or text
        return Explanation("condition", text, met, expected, self._value(leaf, actual), self._event(leaf))

    def _value(self, leaf: Leaf, actual: Any) -> str:
        # Quotients go on and on; what was stored with few digits is shown as it is compared.
        if isinstance(actual, Decimal) and -int(actual.as_tuple().exponent) > _DIGITS:
            actual = round(actual, 4)
        if isinstance(actual, dt.datetime):
            actual = actual.astimezone(dt.UTC)
        if leaf.subject.kind in {Kind.TEXT, Kind.CHOICE} and isinstance(actual, str):
            return actual
        return value_words(actual, self.language)

    def _event(self, leaf: Leaf) -> Evidence | None:
        assert isinstance(leaf.subject, FactTerm)
        fact = facts()[leaf.subject.fact]
        if fact.evidence is None:
            return None
        rows = self.fetch(fact.evidence(leaf.subject.params, self.plan, self.member_id, leaf))
        if not rows:
            return None
        event_id, occurred_at, name_id, amount, *more = rows[0]
        known = {entry.id: str(key) for key, entry in self.plan.names.all("event").items()}
        return Evidence(event_id, occurred_at, known.get(name_id, str(name_id)), amount, *more)
