"""The compiler gives what the interpreter gives, on random rules and people; and nothing turns before `next_at`."""

import datetime as dt
import json
from typing import Any

from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rules import world as w
from tests.rules.interpreter import holds
from urm.rules import Names, Scope, check, compile_rules
from urm.rules.sqltext import joined, sql
from urm.tenancy.models import Tenant

slow_ones = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def answers(
    rules: list[dict[str, Any]], world: w.World, tenant: Tenant, *, members: Any = None
) -> list[tuple[list[bool], dt.datetime | None]]:
    """For each person, whether each rule holds, and the next moment at which that can change."""
    names = Names(tenant.pk, world.zone)
    nodes = [check(rule, names).node for rule in rules]
    compiled = compile_rules(nodes, names, Scope(tenant.pk, world.zone, world.as_of, members, aging=True))
    columns = joined(", ", [sql("({}) IS TRUE", condition) for condition in compiled.conditions])
    query = sql("SELECT {}, {} {} ORDER BY m.id", columns, compiled.next_at, compiled.from_clause)
    with connection.cursor() as cursor:
        cursor.execute(query.text, query.params)
        return [(list(row[:-1]), row[-1]) for row in cursor.fetchall()]


def shown(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


@slow_ones
@given(data=st.data())
def test_compiled_rule_holds_for_whom_the_interpreter_says(workspace: Tenant, data: st.DataObject) -> None:
    world = data.draw(w.worlds())
    rules = data.draw(st.lists(w.rules(world.as_of, world.zone), min_size=2, max_size=8))
    with transaction.atomic():
        w.store(world.people, workspace.pk, world.zone)
        people = [w.exact(person) for person in world.people]
        expected = [[holds(rule, person, world.as_of, world.zone) for rule in rules] for person in people]
        found = answers(rules, world, workspace)
        transaction.set_rollback(True)
    assert [held for held, _next in found] == expected, shown(rules)


@slow_ones
@given(data=st.data())
def test_nothing_turns_by_itself_before_next_at(workspace: Tenant, data: st.DataObject) -> None:
    world = data.draw(w.worlds())
    rule = data.draw(w.leaves(world.as_of, world.zone))
    with transaction.atomic():
        w.store(world.people, workspace.pk, world.zone)
        found = answers([rule], world, workspace)
        transaction.set_rollback(True)
    for person, ([now], next_at) in zip(world.people, found, strict=True):
        w.exact(person)
        until = next_at or world.as_of + dt.timedelta(days=400)
        assert until > world.as_of
        span = until - world.as_of
        moments = [min(world.as_of + span * part / 10, until - w.MICRO) for part in range(11)]
        later = {moment: holds(rule, person, moment, world.zone) for moment in moments}
        assert later == dict.fromkeys(moments, now), shown(rule)
