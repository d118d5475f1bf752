"""Sharding by workspace: the generated statements against the database's own catalogue, run where Citus's functions are
stood in for (there is no Citus here)."""

from collections.abc import Iterator

import pytest
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from deploy.citus.__main__ import distribute
from deploy.citus.plan import layout, problems, statements
from urm.tenancy.catalogue import PLATFORM_TABLES, violations

pytestmark = pytest.mark.django_db(databases=["default", "owner"])

STAND_INS = """
CREATE TABLE IF NOT EXISTS pg_temp.calls (what text, relation text, colocated_with text);
CREATE FUNCTION pg_temp.noted(what text, relation text, near text) RETURNS void LANGUAGE sql
    AS $$ INSERT INTO pg_temp.calls VALUES (what, relation, near) $$;
CREATE FUNCTION public.create_distributed_table(t regclass, c text, colocate_with text DEFAULT 'default') RETURNS void
    LANGUAGE sql AS $$ SELECT pg_temp.noted('distributed', t::text, colocate_with) $$;
CREATE FUNCTION public.create_reference_table(t regclass) RETURNS void
    LANGUAGE sql AS $$ SELECT pg_temp.noted('reference', t::text, NULL) $$;
CREATE FUNCTION public.create_distributed_function(f regprocedure) RETURNS void
    LANGUAGE sql AS $$ SELECT pg_temp.noted('function', f::text, NULL) $$;
"""
REFERENCES = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1, 2
"""


@pytest.fixture
def owner() -> Iterator[BaseDatabaseWrapper]:
    """The owner's connection, in a transaction that is rolled back."""
    connection = connections["owner"]
    with transaction.atomic(using="owner"):
        yield connection
        transaction.set_rollback(True, using="owner")


def ask(connection: BaseDatabaseWrapper, query: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def test_every_table_has_its_place(owner: BaseDatabaseWrapper) -> None:
    plan = layout(owner)
    tables = {
        name
        for (name,) in ask(
            owner,
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid"
            " AND d.deptype = 'e')",
        )
    }
    assert sorted([*plan.distributed, *plan.reference, *plan.local]) == sorted(tables)
    assert set(plan.distributed) == tables - PLATFORM_TABLES
    assert plan.reference == ("tenancy_tenant", "tenancy_user")
    assert "tenancy_wakeup" in plan.local
    assert "members_event" in plan.distributed


def test_the_schema_can_be_sharded(owner: BaseDatabaseWrapper) -> None:
    assert problems(owner) == []


def test_statements_distribute_everything_together_and_leave_the_rules_as_they_were(owner: BaseDatabaseWrapper) -> None:
    plan, before = layout(owner), ask(owner, REFERENCES)
    with owner.cursor() as cursor:
        cursor.execute(STAND_INS)
        for statement in statements(owner):
            cursor.execute(statement)
    calls = ask(owner, "SELECT what, relation, colocated_with FROM pg_temp.calls")
    first = plan.distributed[0]
    assert [(what, relation) for what, relation, _near in calls] == [
        ("function", "app.tenant_id()"),
        *(("reference", name) for name in plan.reference),
        *(("distributed", name) for name in plan.distributed),
    ]
    near = [near for what, _relation, near in calls if what == "distributed"]
    assert near == ["default", *[first] * (len(plan.distributed) - 1)]
    assert ask(owner, REFERENCES) == before
    assert violations(owner) == []
    assert layout(owner).identities == ()


def test_small_numbers_go_on_where_they_were(owner: BaseDatabaseWrapper) -> None:
    assert "segments_segment" in {one.table for one in layout(owner).identities}
    with owner.cursor() as cursor:
        cursor.execute(STAND_INS)
        for statement in statements(owner):
            cursor.execute(statement)
    ((default,),) = ask(
        owner, "SELECT column_default FROM information_schema.columns"
        " WHERE table_name = 'segments_segment' AND column_name = 'id'",
    )  # fmt: skip
    assert default == "nextval('segments_segment_id_numbers'::regclass)"


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        ("CREATE TABLE stray (id bigint PRIMARY KEY)", "stray is no platform table and has no tenant_id NOT NULL."),
        (
            "CREATE TABLE stray (tenant_id integer NOT NULL, id bigint, PRIMARY KEY (tenant_id, id))",
            "stray: tenant_id is integer, not bigint like the others; tables would not lie together.",
        ),
        (
            "CREATE TABLE stray (tenant_id bigint NOT NULL, id bigint PRIMARY KEY)",
            "stray: the unique index stray_pkey lacks tenant_id.",
        ),
        (
            "ALTER TABLE tenancy_wakeup ADD FOREIGN KEY (tenant_id, id) REFERENCES members_member (tenant_id, id)"
            " NOT VALID",
            "tenancy_wakeup: the foreign key tenancy_wakeup_tenant_id_id_fkey leads from a platform table into the"
            " workspaces' table members_member.",
        ),
    ],
)
def test_what_breaks_the_rules_is_refused(owner: BaseDatabaseWrapper, made: str, problem: str) -> None:
    with owner.cursor() as cursor:
        cursor.execute(made)
    assert problem in problems(owner)


def test_command_prints_the_statements(owner: BaseDatabaseWrapper, capsys: pytest.CaptureFixture[str]) -> None:
    assert distribute(owner, apply=False) == 0
    shown = capsys.readouterr().out
    assert "SELECT create_distributed_table('members_event', 'tenant_id', colocate_with => " in shown
    assert "-- reference tables: tenancy_tenant, tenancy_user" in shown


def test_command_refuses_without_citus(owner: BaseDatabaseWrapper, capsys: pytest.CaptureFixture[str]) -> None:
    assert distribute(owner, apply=True) == 1
    assert capsys.readouterr().err.startswith("There is no extension citus in this database.")


def test_command_says_what_breaks_the_rules(owner: BaseDatabaseWrapper, capsys: pytest.CaptureFixture[str]) -> None:
    with owner.cursor() as cursor:
        cursor.execute("CREATE TABLE stray (id bigint PRIMARY KEY)")
    assert distribute(owner, apply=False) == 1
    assert "- stray lacks forced row-level security." in capsys.readouterr().err
