"""The compiler gives what the interpreter gives, on random rules and people; and nothing turns before `next_at`."""

import datetime as dt
import json
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rules import world as w
from tests.rules.interpreter import holds
from urm.rules import Names, Plan, Scope, check
from urm.rules.plan import earliest
from urm.rules.sqltext import Sql, joined, sql
from urm.rules.workspace import fetch
from urm.tenancy.models import Tenant

slow_ones = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


MEMBERS = Sql("(SELECT id AS member_id FROM members_member WHERE tenant_id = app.tenant_id())")


def answers(
    rules: list[dict[str, Any]],
    world: w.World,
    tenant: Tenant,
    *,
    members: Sql | None = None,
    settle_later: bool = False,
) -> list[tuple[list[bool], dt.datetime | None, bool]]:
    """For each person, whether each rule holds, the next moment at which that can change, and if it was left open."""
    names = Names(tenant.pk, world.zone)
    nodes = [check(rule, names).node for rule in rules]
    plan = Plan(Scope(tenant.pk, world.zone, world.as_of, members, aging=True, settle_later=settle_later), names)
    columns = [sql("({}) IS TRUE", plan.condition(node)) for node in nodes]
    moments = tuple(moment for node in nodes for moment in plan.moments(node))
    columns += [earliest(moments + plan.wakes_at()), plan.open()]
    query = sql("SELECT {} {} ORDER BY m.id", joined(", ", columns), plan.from_clause())
    return [(list(row[:-2]), row[-2], row[-1]) for row in fetch(query)]


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
        everybody = answers(rules, world, workspace)
        given_members = answers(rules, world, workspace, members=MEMBERS)
        later = answers(rules, world, workspace, settle_later=True)
        transaction.set_rollback(True)
    assert [held for held, _next, _open in everybody] == expected, shown(rules)
    assert given_members == everybody
    assert [answer[:2] for answer in later if not answer[2]] == [
        answer[:2] for answer, (_held, _next, left_open) in zip(everybody, later, strict=True) if not left_open
    ]


@slow_ones
@given(data=st.data())
def test_nothing_turns_by_itself_before_next_at(workspace: Tenant, data: st.DataObject) -> None:
    world = data.draw(w.worlds())
    rule = data.draw(w.leaves(world.as_of, world.zone))
    with transaction.atomic():
        w.store(world.people, workspace.pk, world.zone)
        found = answers([rule], world, workspace)
        transaction.set_rollback(True)
    for person, ([now], next_at, _open) in zip(world.people, found, strict=True):
        w.exact(person)
        until = next_at or world.as_of + dt.timedelta(days=400)
        assert until > world.as_of
        span = until - world.as_of
        moments = [min(world.as_of + span * part / 10, until - w.MICRO) for part in range(11)]
        later = {moment: holds(rule, person, moment, world.zone) for moment in moments}
        assert later == dict.fromkeys(moments, now), shown(rule)
