"""The event that decided a condition: as the interpreter names it, and in plain examples for every measure."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from tests.rules import world as w
from tests.rules.interpreter import Happening, Person, decided_by
from tests.rules.test_compiler_against_interpreter import shown, slow_ones
from urm.rules import Names, check, explain
from urm.rules.explain import Evidence
from urm.rules.workspace import fetch
from urm.tenancy.models import Tenant

AS_OF = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
Seen = tuple[dt.datetime, str, Fraction | None, bool]


def found(rule: dict[str, Any], member_id: int, as_of: dt.datetime, names: Names) -> Evidence | None:
    checked = check(rule, names)
    return explain(checked, member_id=member_id, names=names, as_of=as_of, language="en", fetch=fetch).event


def as_seen(decided: tuple[Happening, bool] | None) -> Seen | None:
    if decided is None:
        return None
    event, counted = decided
    return event.at, event.name, None if event.amount is None else Fraction(event.amount), counted


def of_evidence(event: Evidence | None) -> Seen | None:
    if event is None:
        return None
    return event.occurred_at, event.name, None if event.amount is None else Fraction(event.amount), event.counted


@slow_ones
@given(data=st.data())
def test_deciding_event_is_the_one_the_interpreter_names(workspace: Tenant, data: st.DataObject) -> None:
    world = data.draw(w.worlds())
    rules = data.draw(st.lists(w.event_leaves(world.as_of, world.zone), min_size=2, max_size=6))
    with transaction.atomic():
        members = w.store(world.people, workspace.pk, world.zone)
        people = [w.exact(person) for person in world.people]
        expected = [[as_seen(decided_by(rule, person, world.as_of, world.zone)) for rule in rules] for person in people]
        names = Names(workspace.pk, world.zone)
        evidence = [[of_evidence(found(rule, member.pk, world.as_of, names)) for rule in rules] for member in members]
        transaction.set_rollback(True)
    assert evidence == expected, shown(rules)


# Days before AS_OF and amounts: 100 days ago 5, 40 days ago 30, 20 days ago 10, 10 days ago 30, 5 days ago 1.
BOUGHT = {100: 5, 40: 30, 20: 10, 10: 30, 5: 1}


@pytest.mark.parametrize(
    ("measure", "op", "value", "window", "expected"),
    [
        ("first", "is_set", None, None, (100, True)),
        ("last", "is_set", None, None, (5, True)),
        ("days_since_last", "gt", 3, None, (5, True)),
        ("min:amount", "lt", 5, None, (5, True)),
        ("max:amount", "gte", 20, None, (40, True)),
        ("max:amount", "gte", 20, 30, (10, True)),
        ("count", "gte", 3, None, (20, True)),
        ("count", "gt", 3, None, (10, True)),
        ("count", "gte", 6, None, (5, True)),  # not met: the last that counted
        ("count", "lt", 2, None, (40, True)),  # no longer met since the second
        ("count", "eq", 4, None, (5, True)),  # no longer met since the fifth
        ("count", "between", [2, 4], None, (5, True)),
        ("count", "between", [2, 9], None, (40, True)),
        ("days", "gte", 4, None, (10, True)),
        ("distinct:amount", "gte", 3, None, (20, True)),
        ("distinct:amount", "gte", 4, None, (5, True)),
        ("sum:amount", "gte", 40, None, (20, True)),
        ("sum:amount", "gte", 40, 30, (10, True)),
        ("avg:amount", "gt", 15, None, (10, True)),  # 5, 17.5, 15, 18.75, 15.2
        ("count", "gte", 1, 3, (5, False)),  # nothing in three days: the last before
        ("sum:amount", "lt", 1, 3, (5, False)),
    ],
)
def test_deciding_event_of_a_measure(
    workspace: Tenant, measure: str, op: str, value: Any, window: int | None, expected: tuple[int, bool]
) -> None:
    events = [Happening("purchase", AS_OF - dt.timedelta(days=day), amount) for day, amount in BOUGHT.items()]
    [member] = w.store([Person(events=events)], workspace.pk, "UTC")
    rule: dict[str, Any] = {"fact": "event", "name": "purchase", "measure": measure, "op": op}
    rule |= {} if value is None else {"value": value}
    rule |= {} if window is None else {"window": {"days": window}}
    event = found(rule, member.pk, AS_OF, Names(workspace.pk, "UTC"))
    assert event is not None
    assert (event.occurred_at, event.counted) == (AS_OF - dt.timedelta(days=expected[0]), expected[1])
    assert event.amount == Decimal(BOUGHT[expected[0]])


def test_nothing_ever_happened_has_no_deciding_event(workspace: Tenant) -> None:
    [member] = w.store([Person()], workspace.pk, "UTC")
    rule = {"fact": "event", "name": "purchase", "measure": "count", "op": "lt", "value": 1, "window": {"days": 3}}
    assert found(rule, member.pk, AS_OF, Names(workspace.pk, "UTC")) is None
