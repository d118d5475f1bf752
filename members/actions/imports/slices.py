"""The slice that a step works on: some rows of an import in a temporary table, looked up and compared there.

Everything about a row is found and noted in `import_slice`, which costs no write-ahead log, and goes to its row of
`ImportRow` once, when the slice is through. `{tenant}` in a statement is a literal.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from urm.tenancy.context import require_tenant

COLUMNS = (
    "id, key, outcome, member_id, values, identities, tags, consents, raw, problems, before, after, made, applied_at"
).replace("values", '"values"')

_FROM_JSON = """
CREATE TEMP TABLE import_slice ON COMMIT DROP AS
SELECT r.id, r.k AS key, r.o AS outcome, NULL::bigint AS member_id, r.v AS "values", r.i AS identities, r.t AS tags,
       r.c AS consents, r.raw, r.p AS problems, NULL::jsonb AS before, NULL::jsonb AS after, NULL::jsonb AS made,
       NULL::timestamptz AS applied_at
FROM json_to_recordset(%(rows)s::json)
    AS r(id bigint, k text, o text, v jsonb, i jsonb, t jsonb, c jsonb, raw jsonb, p jsonb)
"""
_FROM_TABLE = f"""
CREATE TEMP TABLE import_slice ON COMMIT DROP AS
SELECT {COLUMNS}, fate FROM members_importrow
WHERE tenant_id = {{tenant}} AND id > %(after)s AND id <= %(until)s AND {{which}}
"""

# One look-up a row (OFFSET 0), whatever the planner believes of tables that are growing.
_BY_IDENTITY = """
SELECT s.id, s.identities, {place} AS place, i.member_id FROM import_slice s CROSS JOIN LATERAL (
    SELECT i.member_id FROM members_identity i
    WHERE i.tenant_id = {tenant} AND i.kind = '{kind}' AND i.value = s.identities ->> '{kind}' OFFSET 0
) i WHERE s.outcome <> 'error' AND s.identities ? '{kind}'
"""
_BY_PROFILE = """
SELECT s.id, s.identities, {place} AS place, m.id FROM import_slice s CROSS JOIN LATERAL (
    SELECT m.id FROM members_member m
    WHERE m.tenant_id = {tenant} AND m.{kind} = s.identities ->> '{kind}' AND m.merged_into_id IS NULL OFFSET 0
) m WHERE s.outcome <> 'error' AND s.identities ? '{kind}'
"""
# An address may lead to somebody whose external id is another than the row's: that is not the same person.
_RESOLVE = """
WITH known AS MATERIALIZED ({known}), found AS MATERIALIZED (
    SELECT DISTINCT ON (k.id) k.id, k.member_id FROM known k CROSS JOIN LATERAL (
        SELECT m.external_id FROM members_member m
        WHERE m.tenant_id = {tenant} AND m.id = k.member_id AND m.erased_at IS NULL OFFSET 0
    ) m
    WHERE k.place = 0 OR m.external_id IS NULL OR NOT k.identities ? 'external_id'
       OR m.external_id = k.identities ->> 'external_id'
    ORDER BY k.id, k.place, k.member_id
)
UPDATE import_slice s SET member_id = f.member_id FROM found f WHERE s.id = f.id
"""
_FORGET = """
UPDATE import_slice SET member_id = NULL
WHERE outcome <> 'error' AND member_id IS NOT NULL AND NOT coalesce(made ? 'member', false)
"""


def slice_of(cursor: CursorWrapper, rows: str) -> None:
    """Fill the slice with rows that were read: a JSON list of objects."""
    _make(cursor, _FROM_JSON, rows=rows)


def slice_between(cursor: CursorWrapper, which: str, **span: int) -> None:
    """Fill the slice with the staged rows `after` < id <= `until` of which the condition `which` holds."""
    _make(cursor, _FROM_TABLE.replace("{which}", which), **span)


def resolve(cursor: CursorWrapper, *, kinds: Sequence[str]) -> None:
    """Look up whom each row is about, in the order of `kinds`."""
    known = []
    for place, kind in enumerate(kinds):
        known.append(
            _BY_IDENTITY.format(tenant=require_tenant(), kind=kind, place=0 if kind == "external_id" else place + 1)
        )
        if kind in {"email", "phone"}:
            known.append(_BY_PROFILE.format(tenant=require_tenant(), kind=kind, place=place + 1))
    run(cursor, _FORGET)
    cursor.execute(_RESOLVE.format(tenant=require_tenant(), known=" UNION ALL ".join(known)))


def run(cursor: CursorWrapper, statement: str, **parameters: Any) -> int:
    """Run it with the tenant as a literal; returns how many rows it touched."""
    cursor.execute(statement.format(tenant=require_tenant()), parameters)
    return int(cursor.rowcount)


def look_up_by_key() -> None:
    """For the rest of the transaction: find what a slice is about by keys, and join what was found by hashing.

    The tables grow under the import, so their statistics lag; the planner would read them whole for each slice, or
    join two lists of a thousand by comparing all with all. A look-up in a LATERAL of its own is a loop all the same.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_nestloop = off; SET LOCAL jit = off")


def look_at_growth(cursor: CursorWrapper, table: str, *, before: int, after: int) -> None:
    """Renew the planner's statistics where they know too little; asked each time that an import is four times as long.

    A workspace that was empty when they were made has no rows in them, and any index then looks as good as the right
    one, until autovacuum comes by; among large workspaces that is much later.
    """
    mark = 5_000
    while mark <= before:
        mark *= 4
    if mark > after:
        return
    cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE tenant_id = {require_tenant()}")
    [[[plan]]] = cursor.fetchall()
    if plan["Plan"]["Plan Rows"] * 8 < after:
        cursor.execute("SELECT app.analyze_members()")


def _make(cursor: CursorWrapper, statement: str, **parameters: Any) -> None:
    cursor.execute("DROP TABLE IF EXISTS pg_temp.import_slice")  # of an earlier step in the same transaction
    run(cursor, statement, **parameters)
    cursor.execute("ANALYZE import_slice (id, member_id)")
