"""Rules see the whole history of a member into whom others were merged, in whichever way they are asked."""

from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from tests.rules import world as w
from tests.rules.interpreter import holds
from tests.rules.test_compiler_against_interpreter import answers, shown, slow_ones
from urm.rules.sqltext import Sql
from urm.tenancy.models import Tenant

LIVE = Sql("(SELECT id AS member_id FROM members_member WHERE tenant_id = app.tenant_id() AND merged_into_id IS NULL)")


@slow_ones
@given(data=st.data(), aliases=st.integers(1, 3))
def test_rules_read_what_merged_members_did_as_the_survivors_own(
    workspace: Tenant, data: st.DataObject, aliases: int
) -> None:
    world = data.draw(w.worlds())
    rules = data.draw(st.lists(w.event_leaves(world.as_of, world.zone), min_size=2, max_size=6))
    with transaction.atomic():
        w.store(world.people, workspace.pk, world.zone, aliases=aliases)
        people = [w.exact(person) for person in world.people]
        expected = [[holds(rule, person, world.as_of, world.zone) for rule in rules] for person in people]
        everybody = answers(rules, world, workspace)[:: aliases + 1]  # each member was stored before its aliases
        given_members = answers(rules, world, workspace, members=LIVE)
        transaction.set_rollback(True)
    assert [held for held, _next, _open in everybody] == expected, shown(rules)
    assert given_members == everybody
