"""Refreshed bit by bit, in whatever order events come and at several moments, members are where the interpreter puts
them; and a full computation then finds nothing to change."""

import copy
import datetime as dt
import json

from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.actions import mark_dirty
from members.models import EventName, MemberState
from segments.actions import create_segment, recompute_segments, refresh_members
from tests.rules import world as w
from tests.rules.interpreter import Happening, Person, holds
from urm.tenancy.models import Tenant

LATER = [dt.timedelta(0), dt.timedelta(hours=3), dt.timedelta(days=7), dt.timedelta(days=45)]


def happen(tenant: Tenant, zone: str, events: list[tuple[Person, Happening]]) -> None:
    """Write events as the absorber leaves them: log, day counts, marks."""
    ids = dict(EventName.objects.values_list("name", "id"))
    with connection.cursor() as cursor:
        for person, event in events:
            cursor.execute(
                "INSERT INTO members_event (tenant_id, received_at, member_id, name_id, occurred_at, amount,"
                " properties, trusted) VALUES (%s, %s, %s, %s, %s, %s, %s, true)",
                [
                    tenant.pk, event.at, person.pk, ids[event.name], event.at, event.amount,
                    json.dumps(event.properties),
                ],
            )  # fmt: skip
        cursor.execute("DELETE FROM members_daily WHERE tenant_id = %s", [tenant.pk])
        w.count_days(cursor, tenant.pk, zone)
    mark_dirty([person.pk for person, _event in events])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_incremental_equals_full_equals_interpreter(in_acme: Tenant, data: st.DataObject) -> None:
    world = data.draw(w.worlds())
    rules = data.draw(st.lists(w.trees(w.leaves(world.as_of, world.zone), max_leaves=3), min_size=1, max_size=4))
    people = [copy.copy(person) for person in world.people]
    events = data.draw(st.permutations([(person, event) for person in people for event in person.events]))
    for person in people:
        person.events = []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), min_size=3, max_size=3)))
    batches = [events[start:end] for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True)]
    with transaction.atomic():
        w.declare_names()
        Tenant.objects.filter(pk=in_acme.pk).update(time_zone=world.zone)
        w.store(people, in_acme.pk, world.zone)
        segments = [create_segment(name=f"Rule {number}", rule=rule) for number, rule in enumerate(rules)]
        recompute_segments(as_of=world.as_of)
        found, expected = [], []
        for later, batch in zip(LATER, batches, strict=True):
            moment = world.as_of + later
            happen(in_acme, world.zone, batch)
            for person, event in batch:
                person.events.append(event)
            refresh_members(as_of=moment)
            states = dict(MemberState.objects.values_list("member_id", "segment_ids"))
            found.append([states.get(person.pk, []) for person in people])
            judged = [w.exact(copy.deepcopy(person)) for person in people]
            expected.append([
                [one.pk for one, rule in zip(segments, rules, strict=True) if holds(rule, person, moment, world.zone)]
                for person in judged
            ])  # fmt: skip
        changed = recompute_segments(stale=None, as_of=world.as_of + LATER[-1]).changed
        transaction.set_rollback(True)
    assert found == expected, json.dumps(rules, default=str, ensure_ascii=False)
    assert changed == 0
