"""Which source is believed: a value stays when a source that comes later in the order says something else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from members.actions import identify_member, merge_members, unmerge_members, upsert_member
from members.actions.imports import undo_import
from members.models import AttributeDefinition, Import, Member
from tests.conftest import PASSWORD
from tests.members.imports.rehearsal import imported, table, worked_off
from urm.audit.actor import Actor, acting_as
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User

STAFF = Actor("staff", 1, "Ada")


@pytest.fixture
def plan(in_acme: Tenant) -> AttributeDefinition:
    return AttributeDefinition.objects.create(
        name="plan", type="text", label_en="Plan", source_order=["api", "staff", "import", "identify"]
    )


def say(source: str, value: str | None, external_id: str = "c1") -> None:
    """Let this source say what the plan is."""
    traits = {"attributes": {"plan": value}}
    match source:
        case "staff":
            with acting_as(STAFF):
                upsert_member(external_id=external_id, traits=traits)
        case "api":
            upsert_member(external_id=external_id, traits=traits)
        case "import":
            write(value or "", external_id)
        case _:
            identify_member(ids=[("external_id", external_id)], traits=traits, trusted=source == "identify")


def write(value: str, external_id: str = "c1") -> Import:
    return imported(table(("id", "attributes.plan"), (external_id, value)))


def held(external_id: str = "c1") -> tuple[Any, Any]:
    member = Member.objects.get(external_id=external_id)
    return member.attributes.get("plan"), (member.attribute_sources or {}).get("plan")


SOURCES = ["api", "staff", "import", "identify"]


@pytest.mark.parametrize("first", SOURCES)
@pytest.mark.parametrize("second", SOURCES)
def test_value_is_overwritten_by_a_source_that_is_believed_as_much_or_more(
    plan: AttributeDefinition, first: str, second: str
) -> None:
    say(first, "gold")
    assert held() == ("gold", first)
    say(second, "free")
    assert held() == (("free", second) if SOURCES.index(second) <= SOURCES.index(first) else ("gold", first))


def test_source_that_is_not_in_the_order_comes_last(plan: AttributeDefinition) -> None:
    AttributeDefinition.objects.update(source_order=["staff"])
    say("api", "free")
    say("import", "gold")
    assert held() == ("gold", "import")
    say("staff", "silver")
    say("api", "free")
    assert held() == ("silver", "staff")


def test_value_that_comes_again_from_a_better_source_is_believed_as_that(plan: AttributeDefinition) -> None:
    say("identify", "gold")
    assert write("gold").counts == {"same": 1}
    assert held() == ("gold", "import")
    say("staff", "gold")
    assert write("gold").counts == {"same": 1}
    assert write("free").counts == {"same": 1}
    assert held() == ("gold", "staff")


def test_value_that_is_taken_away_or_of_unknown_source_is_anybodys(plan: AttributeDefinition) -> None:
    say("api", "gold")
    say("api", None)
    say("identify", "free")
    assert held() == ("free", "identify")
    Member.objects.update(attribute_sources=None)
    say("import", "gold")
    assert held() == ("gold", "import")


def test_replacing_everything_leaves_what_is_believed_more(plan: AttributeDefinition) -> None:
    AttributeDefinition.objects.update(source_order=["staff"])
    say("staff", "gold")
    upsert_member(external_id="c1", traits={"attributes": {"hat": "red"}}, replace=True)
    assert Member.objects.get().attributes == {"plan": "gold", "hat": "red"}


def test_nothing_is_noted_without_an_order(in_acme: Tenant) -> None:
    say("api", "gold")
    say("import", "free")
    assert held() == ("free", None)


def test_undo_gives_the_source_back_with_the_value(plan: AttributeDefinition) -> None:
    AttributeDefinition.objects.update(source_order=["import", "staff", "api"])
    say("staff", "gold")
    job = write("free")
    assert held() == ("free", "import")
    undo_import(job=job)
    worked_off(job)
    assert held() == ("gold", "staff")


def test_merge_keeps_the_value_that_is_believed_more_and_unmerging_takes_it_back(plan: AttributeDefinition) -> None:
    say("import", "free", "c1")
    say("api", "gold", "c2")
    one, other = (Member.objects.get(external_id=external_id) for external_id in ("c1", "c2"))
    merge = merge_members(survivor=one, other=other)
    assert held() == ("gold", "api")
    unmerge_members(merge=merge)
    assert held() == ("free", None)
    assert held("c2") == ("gold", "api")


def test_order_is_chosen_place_by_place_and_binds_staff(
    acme: Tenant, staff: Callable[..., User], client: Client
) -> None:
    client.post("/login/", {"username": staff(acme, "admin").email, "password": PASSWORD})
    page = "/w/acme/admin/members/attributedefinition/add/"
    form = {"name": "plan", "type": "text", "label_en": "Plan", "choices": "[]"}
    twice = client.post(page, {**form, "source_order_0": "api", "source_order_1": "api"})
    assert "Name each source once." in twice.content.decode()
    saved = client.post(page, {**form, "source_order_0": "api", "source_order_2": "staff"})
    assert saved.status_code == 302, saved.content.decode()
    with tenant_context(acme.pk):
        assert AttributeDefinition.objects.get().source_order == ["api", "staff"]
        say("api", "gold")
        member = Member.objects.get()
    page = f"/w/acme/admin/members/member/{member.pk}/edit/"
    assert "which is believed more than changes made here" in client.get(page).content.decode()
