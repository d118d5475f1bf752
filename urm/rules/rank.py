"""The `rank` fact: whether a member is among the top by some measure of their events.

A rank that moved with every event of anybody could not be kept true member by member. So the threshold is frozen each
night, and a member is in while at or above it. The app that keeps the thresholds declares the names "rank": the key is
that of `threshold_key`, `detail` holds the `threshold`. Where none is frozen yet, the statement works it out itself.

Only members with such an event in the window take part: the top 10 % of the buyers, not of everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import cast

from django.utils.translation import gettext as _

from urm.rules import parameters
from urm.rules.eventfact import Measure, event_evidence, event_operand, measure_parameter
from urm.rules.eventsource import EventTables
from urm.rules.facts import Depends, Fact, Parameter, Variant
from urm.rules.names import Names
from urm.rules.operands import Elapsed, Operand, Ratio, Scope
from urm.rules.operators import compared, moments_of
from urm.rules.plan import Plan
from urm.rules.sample import PERCENT, read_percent
from urm.rules.sqltext import FALSE, Sql, param, sql
from urm.rules.tree import FactTerm, Leaf, Node, Params, leaves
from urm.rules.types import Kind, Typed
from urm.rules.words.sequences import rank_sentence

KEY = "rank"
_PLACES = 6


def rank_fact(tables: EventTables) -> Fact:
    """The declaration, for the app that owns these tables."""
    return Fact(
        key=KEY,
        label_en="rank",
        label_zh="排名",
        parameters=(
            parameters.named_list("name", "event", _("event")),
            measure_parameter(numbers_only=True),
            parameters.window(),
            Parameter("top_percent", read_percent, lambda names: PERCENT),
        ),
        typed=lambda terms, names: Typed(Kind.BOOLEAN),
        variants=lambda names: [Variant(Typed(Kind.BOOLEAN))],
        sql=lambda terms, plan: _operand(tables, terms, plan),
        changes=_changes,
        sentence=_sentence,
        evidence=lambda terms, plan, member_id, leaf: event_evidence(tables, terms, plan, member_id),
    )


def threshold_key(terms: Params) -> str:
    """What a threshold is kept under: the same terms, the same threshold."""
    percent = terms["top_percent"].normalize()
    text = f"{terms['name']}|{terms['measure']}|{terms.get('window')}|{percent:f}"
    return hashlib.sha256(text.encode()).hexdigest()


def threshold_sql(tables: EventTables, terms: Params, names: Names, scope: Scope) -> Sql:
    """SELECT of the threshold as of a moment, over all members: one row, or none where nobody takes part."""
    plan = Plan(replace(scope, members=None, aging=False, settle_later=False), names)
    measured = _value(event_operand(tables, terms, plan), scope)
    taking_part = _taking_part(tables, terms, plan)
    # Rounded down, so that whoever stands exactly on it is in.
    return sql(
        f"SELECT floor(v * 1e{_PLACES}) / 1e{_PLACES} FROM (SELECT v, row_number() OVER (ORDER BY v DESC) AS place,"
        " count(*) OVER () AS everybody FROM (SELECT {}::numeric AS v {} AND {} AND {}) p WHERE v IS NOT NULL) r"
        " WHERE place = ceil(everybody * {}::numeric / 100)",
        measured, plan.from_clause(), plan.alive(), taking_part, param(terms["top_percent"]),
    )  # fmt: skip


def moved_sql(
    tables: EventTables, terms: Params, names: Names, scope: Scope, *, old: Decimal | None, new: Decimal | None
) -> Sql:
    """SELECT of the ids of members whose answer differs between two thresholds; None is one that nobody reaches."""
    plan = Plan(replace(scope, members=None, aging=False, settle_later=False), names)
    measured = event_operand(tables, terms, plan)

    def reached(threshold: Decimal | None) -> Sql:
        leaf = Leaf(FactTerm("event", terms, Kind.NUMBER), "gte", threshold)
        return FALSE if threshold is None else sql("({}) IS TRUE", compared(measured, leaf, plan.scope))

    moved = sql("({}) <> ({})", reached(old), reached(new))
    return sql("SELECT m.id {} AND {} AND {}", plan.from_clause(), plan.alive(), moved)


def ranked_terms(nodes: Iterable[Node]) -> dict[str, Params]:
    """The terms of all ranks in some rules, by the key of their threshold."""
    terms = [leaf.subject for node in nodes for leaf in leaves(node) if isinstance(leaf.subject, FactTerm)]
    return {threshold_key(term.params): term.params for term in terms if term.fact == KEY}


def _changes(terms: Params, names: Names) -> Depends:
    return frozenset(("event", name) for name in terms["name"])


def _frozen(terms: Params, names: Names) -> tuple[bool, Decimal | None]:
    """Whether there is a threshold, and which: None where nobody took part when it was frozen."""
    entry = names.find(KEY, threshold_key(terms))
    return (False, None) if entry is None else (True, entry.detail["threshold"])


def _sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    return rank_sentence(leaf, language, names, negated, _frozen(cast(FactTerm, leaf.subject).params, names)[1])


def _operand(tables: EventTables, terms: Params, plan: Plan) -> Operand:
    measured, taking_part = event_operand(tables, terms, plan), _taking_part(tables, terms, plan)
    known, threshold = _frozen(terms, plan.names)
    shown = _value(measured, plan.scope)
    if known and threshold is None:
        return Operand(FALSE, Kind.BOOLEAN, shown=shown)
    leaf = Leaf(FactTerm("event", terms, Kind.NUMBER), "gte", threshold)
    if threshold is not None:
        reached = compared(measured, leaf, plan.scope)
        moments = moments_of(measured, leaf, reached, plan.scope) if plan.scope.aging else ()
    else:
        reached = sql("({} >= ({}))", shown, threshold_sql(tables, terms, plan.names, plan.scope))
        moments = measured.changes_at + measured.rises_at + measured.falls_at
    return Operand(sql("({} AND {}) IS TRUE", reached, taking_part), Kind.BOOLEAN, changes_at=moments, shown=shown)


def _taking_part(tables: EventTables, terms: Params, plan: Plan) -> Sql:
    counted = Params(tuple((key, Measure("count") if key == "measure" else value) for key, value in terms.items()))
    return sql("({} > 0)", event_operand(tables, counted, plan).sql)


def _value(measured: Operand, scope: Scope) -> Sql:
    if isinstance(measured, Ratio):
        return sql("({} / {})", measured.sql, measured.denominator)
    if isinstance(measured, Elapsed):
        return sql("(extract(epoch FROM {} - {}) / 86400)", param(scope.as_of), measured.sql)
    return measured.sql
