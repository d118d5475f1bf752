"""What to do with which table, from the catalogue of the database alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from urm.tenancy.catalogue import PLATFORM_TABLES, violations

# Platform tables that statements join with a workspace's tables.
READ_WITH_TENANTS = frozenset({"tenancy_tenant", "tenancy_user"})
COLUMN = "tenant_id"
FUNCTION = "app.tenant_id()"

_TABLES = """
SELECT c.relname, format_type(a.atttypid, NULL) FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname
"""
# A partition's references are its parent's.
_REFERENCES = """
SELECT c.relname, k.conname, t.relname, pg_get_constraintdef(k.oid), k.confdeltype IN ('n', 'd') AND EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnum = ANY (k.conkey))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname, k.conname
"""
# Citus numbers rows of distributed tables by identity only in bigint columns.
_SMALL_IDENTITIES = """
SELECT c.relname, a.attname, pg_get_serial_sequence(quote_ident(c.relname), a.attname),
       format_type(a.atttypid, NULL)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND a.attidentity <> ''
  AND a.atttypid <> 'bigint'::regtype ORDER BY c.relname
"""
_EXCLUSIONS = """
SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'x' AND c.relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key; `definition` is what PostgreSQL says after ADD CONSTRAINT name."""

    table: str
    name: str
    target: str
    definition: str
    unsets_tenant: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """A column of fewer than 64 bits that numbers its rows by itself."""

    table: str
    column: str
    sequence: str
    type: str


@dataclass(frozen=True, slots=True)
class Layout:
    """`distributed` by tenant, `reference` on every node, `local` on the coordinator only."""

    distributed: tuple[str, ...]
    reference: tuple[str, ...]
    local: tuple[str, ...]
    references: tuple[Reference, ...]
    identities: tuple[Identity, ...]


def layout(connection: BaseDatabaseWrapper) -> Layout:
    tables = dict(_rows(connection, _TABLES))
    references = tuple(Reference(*row) for row in _rows(connection, _REFERENCES))
    distributed = {name for name in tables if name not in PLATFORM_TABLES}
    reference = (READ_WITH_TENANTS & set(tables)) | {
        one.target for one in references if one.table in distributed and one.target not in distributed
    }
    # A reference table may refer to reference tables only.
    while more := {one.target for one in references if one.table in reference} - reference - distributed:
        reference |= more
    local = set(tables) - distributed - reference
    identities = tuple(Identity(*row) for row in _rows(connection, _SMALL_IDENTITIES) if row[0] in distributed)
    return Layout(tuple(sorted(distributed)), tuple(sorted(reference)), tuple(sorted(local)), references, identities)


def problems(connection: BaseDatabaseWrapper) -> list[str]:
    """Why the schema cannot be sharded, one sentence each: what tenancy forbids anyway, and what only Citus does."""
    found = violations(connection)
    plan = layout(connection)
    tenant_types = dict(_rows(connection, _TABLES))
    found += [
        f"{name}: {COLUMN} is {tenant_types[name]}, not bigint like the others; tables would not lie together."
        for name in plan.distributed
        if tenant_types[name] not in {None, "bigint"}
    ]
    found += [
        f"{one.table}: the foreign key {one.name} would set {COLUMN} to NULL or its default."
        for one in plan.references
        if one.unsets_tenant and one.table in plan.distributed
    ]
    found += [
        f"{one.table}: the foreign key {one.name} leads from a platform table into the workspaces' table {one.target}."
        for one in plan.references
        if one.table not in plan.distributed and one.target in plan.distributed
    ]
    found += [
        f"{table}: the exclusion constraint {name} cannot be kept across nodes."
        for table, name in _rows(connection, _EXCLUSIONS)
        if table in plan.distributed
    ]
    return found


def statements(connection: BaseDatabaseWrapper) -> list[str]:
    """All that has to be run on the coordinator, as the owner of the tables, in one transaction."""
    plan = layout(connection)
    moved = [one for one in plan.references if one.table in {*plan.distributed, *plan.reference}]
    first, *others = plan.distributed
    return [
        # What the owner cannot see would be left behind.
        *(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY" for name in plan.distributed),
        *(f"ALTER TABLE {one.table} DROP CONSTRAINT {one.name}" for one in moved),
        *(statement for one in plan.identities for statement in _numbered_by_sequence(one)),
        f"SELECT create_distributed_function('{FUNCTION}')",
        *(f"SELECT create_reference_table('{name}')" for name in plan.reference),
        f"SELECT create_distributed_table('{first}', '{COLUMN}')",
        *(f"SELECT create_distributed_table('{name}', '{COLUMN}', colocate_with => '{first}')" for name in others),
        *(f"ALTER TABLE {one.table} ADD CONSTRAINT {one.name} {one.definition}" for one in moved),
        *(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY" for name in plan.distributed),
    ]


def _numbered_by_sequence(one: Identity) -> list[str]:
    """The same numbers from a sequence of its own, which goes on after the highest."""
    own = f"{one.table}_{one.column}_numbers"
    return [
        f"ALTER TABLE {one.table} ALTER COLUMN {one.column} DROP IDENTITY",
        f"CREATE SEQUENCE {own} AS {one.type} OWNED BY {one.table}.{one.column}",
        f"SELECT setval('{own}', coalesce(max({one.column}), 0) + 1, false) FROM {one.table}",
        f"ALTER TABLE {one.table} ALTER COLUMN {one.column} SET DEFAULT nextval('{own}')",
    ]


def _rows(connection: BaseDatabaseWrapper, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
