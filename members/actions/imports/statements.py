"""The statements of imports. Each works on the rows of one slice: `%(after)s < id <= %(until)s`, in the tenant's rows.

`{tenant}` is a literal, `{old}` the member's present value of the field or attribute `e.key` as JSON.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from members.actions.imports.targets import FIELDS
from members.models import Import
from urm.tenancy.context import require_tenant

TYPES = {"birthday": "date", "first_seen_at": "timestamptz"}
_SLICE = "tenant_id = {tenant} AND id > %(after)s AND id <= %(until)s"
_ROW = "r.tenant_id = {tenant} AND r.id > %(after)s AND r.id <= %(until)s"
_NOW = ", ".join(f"'{name}', m.{name}" for name in FIELDS)
_OLD = (
    "coalesce(CASE WHEN starts_with(e.key, 'attributes.') THEN m.attributes -> substr(e.key, 12) "
    f"ELSE jsonb_build_object({_NOW}) -> e.key END, 'null')"
)
# Whether the given value takes the place of the old one. The external id of a member never changes.
_TAKES = "CASE WHEN e.key = 'external_id' OR %(mode)s = 'fill' THEN o.old = 'null' ELSE o.old <> e.value END"
_ATTRIBUTES = (
    "coalesce((SELECT jsonb_object_agg(substr(a.key, 12), a.value) FROM jsonb_each({source}) a "
    "WHERE starts_with(a.key, 'attributes.')), '{{{{}}}}')"
)

INSERT_ROWS = """
INSERT INTO members_importrow (tenant_id, id, import_id, key, outcome, "values", identities, tags, consents, raw,
                               problems)
SELECT {tenant}, id, %(importing)s, k, o, v, i, t, c, raw, p FROM json_to_recordset(%(rows)s::json)
    AS r(id bigint, k text, o text, v jsonb, i jsonb, t jsonb, c jsonb, raw jsonb, p jsonb)
ON CONFLICT DO NOTHING RETURNING id
"""

# One look-up a row (OFFSET 0), whatever the planner believes of tables that are growing.
_BY_IDENTITY = """
SELECT s.id, s.identities, {place} AS place, i.member_id FROM slice s CROSS JOIN LATERAL (
    SELECT i.member_id FROM members_identity i
    WHERE i.tenant_id = {tenant} AND i.kind = '{kind}' AND i.value = s.identities ->> '{kind}' OFFSET 0
) i
"""
_BY_PROFILE = """
SELECT s.id, s.identities, {place} AS place, m.id FROM slice s CROSS JOIN LATERAL (
    SELECT m.id FROM members_member m
    WHERE m.tenant_id = {tenant} AND m.{kind} = s.identities ->> '{kind}' AND m.merged_into_id IS NULL OFFSET 0
) m
"""
# An address may lead to somebody whose external id is another than the row's: that is not the same person.
_RESOLVE = f"""
WITH slice AS MATERIALIZED (
    SELECT id, identities FROM members_importrow WHERE {_SLICE} AND outcome <> 'error'
), known AS MATERIALIZED ({{known}}), found AS MATERIALIZED (
    SELECT DISTINCT ON (k.id) k.id, k.member_id FROM known k CROSS JOIN LATERAL (
        SELECT m.external_id FROM members_member m
        WHERE m.tenant_id = {{tenant}} AND m.id = k.member_id AND m.erased_at IS NULL OFFSET 0
    ) m
    WHERE k.place = 0 OR m.external_id IS NULL OR NOT k.identities ? 'external_id'
       OR m.external_id = k.identities ->> 'external_id'
    ORDER BY k.id, k.place, k.member_id
)
UPDATE members_importrow r SET member_id = f.member_id FROM found f WHERE {_ROW} AND r.id = f.id
"""
_FORGET = f"""
UPDATE members_importrow r SET member_id = NULL WHERE {_ROW} AND r.outcome <> 'error' AND r.member_id IS NOT NULL
  AND NOT coalesce(r.made ? 'member', false)
"""

SAME_MEMBER_TWICE = f"""
UPDATE members_importrow r SET outcome = 'error', key = NULL, problems = %(problem)s, member_id = NULL
FROM (SELECT id, row_number() OVER (PARTITION BY member_id ORDER BY id) AS turn FROM members_importrow
      WHERE {_SLICE} AND member_id IS NOT NULL) t
WHERE {_ROW} AND t.id = r.id AND t.turn > 1 RETURNING r.id
"""

KEEP_RAW = f"""
UPDATE members_importrow r SET raw = g.raw FROM json_to_recordset(%(rows)s::json) AS g(id bigint, raw jsonb)
WHERE {_ROW} AND r.id = g.id
"""

TELL = f"""
UPDATE members_importrow r SET outcome = CASE
    WHEN r.member_id IS NULL THEN CASE WHEN %(mode)s = 'update' THEN 'skipped' ELSE 'new' END
    WHEN %(mode)s = 'create' THEN 'skipped'
    WHEN EXISTS (SELECT FROM jsonb_each(r."values") e CROSS JOIN LATERAL (SELECT {_OLD}) o(old) WHERE {_TAKES})
      OR EXISTS (SELECT FROM jsonb_array_elements_text(r.tags) t WHERE NOT EXISTS (
            SELECT FROM members_membertag h JOIN members_tag g ON g.tenant_id = {{tenant}} AND g.id = h.tag_id
            WHERE h.tenant_id = {{tenant}} AND h.member_id = r.member_id AND g.name = t))
      OR EXISTS (SELECT FROM jsonb_array_elements(r.consents) c WHERE NOT EXISTS (
            SELECT FROM members_consent k WHERE k.tenant_id = {{tenant}} AND k.member_id = r.member_id
            AND k.channel = c ->> 'channel' AND k.purpose = c ->> 'purpose' AND k.granted = (c ->> 'granted')::boolean))
    THEN 'changed' ELSE 'same' END
FROM members_importrow s LEFT JOIN members_member m ON m.tenant_id = {{tenant}} AND m.id = s.member_id
WHERE {_ROW} AND r.outcome <> 'error' AND s.tenant_id = {{tenant}} AND s.id = r.id
"""

LEAVE_OUT = f"""
UPDATE members_importrow r SET outcome = 'skipped' WHERE {_ROW} AND r.outcome <> 'error' AND r.member_id {{known}}
"""
# A row that was left out in the dry run takes part when its member has come or gone since.
TAKE_IN = f"""
UPDATE members_importrow r SET outcome = 'same' WHERE {_ROW} AND r.outcome = 'skipped'
"""

LOCK = f"""
SELECT id FROM members_member WHERE tenant_id = {{tenant}} AND id IN (
    SELECT member_id FROM members_importrow WHERE {_SLICE} AND member_id IS NOT NULL
) ORDER BY id FOR UPDATE
"""

NUMBER_NEW = f"""
UPDATE members_importrow r SET member_id = nextval('members_member_id_seq'), made = '{{{{"member": true}}}}',
    outcome = 'new', applied_at = %(now)s
WHERE {_ROW} AND r.outcome NOT IN ('error', 'skipped') AND r.member_id IS NULL
"""

_INSERT_NEW = f"""
INSERT INTO members_member (tenant_id, id, {{columns}} attributes, first_seen_at, created_at, updated_at)
SELECT {{tenant}}, r.member_id, {{values}} {_ATTRIBUTES.format(source='r."values"')},
    coalesce((r."values" ->> 'first_seen_at')::timestamptz, %(now)s), %(now)s, %(now)s
FROM members_importrow r WHERE {_ROW} AND r.made ? 'member' ORDER BY r.id
ON CONFLICT DO NOTHING RETURNING id, source
"""

# Somebody made a member of that external id a moment ago: then it is found at the second look.
FORGET_NUMBERS = f"""
UPDATE members_importrow r SET member_id = NULL, made = NULL, applied_at = NULL
WHERE {_ROW} AND r.made ? 'member'
  AND NOT EXISTS (SELECT FROM members_member m WHERE m.tenant_id = {{tenant}} AND m.id = r.member_id)
"""

DIFFER = f"""
WITH d AS MATERIALIZED (
    SELECT s.id, jsonb_object_agg(e.key, o.old) FILTER (WHERE {_TAKES}) AS before,
           jsonb_object_agg(e.key, e.value) FILTER (WHERE {_TAKES}) AS after
    FROM members_importrow s JOIN members_member m ON m.tenant_id = {{tenant}} AND m.id = s.member_id
    CROSS JOIN LATERAL jsonb_each(s."values") e CROSS JOIN LATERAL (SELECT {_OLD}) o(old)
    WHERE s.tenant_id = {{tenant}} AND s.id > %(after)s AND s.id <= %(until)s AND s.outcome NOT IN ('error', 'skipped')
      AND s.made IS NULL
    GROUP BY s.id
)
UPDATE members_importrow r SET before = d.before, after = d.after, applied_at = %(now)s,
    outcome = CASE WHEN d.after IS NULL THEN 'same' ELSE 'changed' END
FROM d WHERE {_ROW} AND r.id = d.id
"""

_CHANGE = f"""
UPDATE members_member m SET {{sets}}
    attributes = m.attributes || {_ATTRIBUTES.format(source="r.after")}, updated_at = %(now)s
FROM members_importrow r
WHERE {_ROW} AND r.made IS NULL AND r.after IS NOT NULL AND m.tenant_id = {{tenant}} AND m.id = r.member_id
RETURNING m.id, ARRAY(SELECT jsonb_object_keys(r.after))
"""

# The identities that stand for the profile's addresses follow them.
DROP_OLD_ADDRESSES = f"""
DELETE FROM members_identity WHERE tenant_id = {{tenant}} AND id = ANY (ARRAY(
    SELECT i.id FROM members_importrow r CROSS JOIN LATERAL (
        SELECT i.id, i.kind, i.value FROM members_identity i
        WHERE i.tenant_id = {{tenant}} AND i.member_id = r.member_id AND i.from_profile AND i.kind IN ('email', 'phone')
        OFFSET 0
    ) i WHERE {_ROW} AND r.after ? i.kind AND i.value <> r.after ->> i.kind
))
"""
ADD_IDENTITIES = f"""
WITH added AS (
    INSERT INTO members_identity (tenant_id, member_id, kind, value, from_profile, created_at)
    SELECT {{tenant}}, r.member_id, g.key, g.value, g.key IN ('email', 'phone'), %(now)s
    FROM members_importrow r CROSS JOIN LATERAL jsonb_each_text(r.identities) g
    WHERE {_ROW} AND r.applied_at = %(now)s
      AND (g.key NOT IN ('email', 'phone') OR r.made ? 'member' OR r.after ? g.key)
    ORDER BY g.key, g.value
    ON CONFLICT DO NOTHING RETURNING id, member_id
)
UPDATE members_importrow r
SET made = coalesce(r.made, '{{{{}}}}') || jsonb_build_object('identities', a.ids -> r.member_id::text)
FROM (
    SELECT jsonb_object_agg(member_id, ids) AS ids FROM (SELECT member_id, jsonb_agg(id) AS ids FROM added GROUP BY 1) g
) a WHERE {_ROW} AND a.ids ? r.member_id::text
"""

NEW_TAGS = f"""
INSERT INTO members_tag (tenant_id, name, "group", kind, description, created_at)
SELECT DISTINCT {{tenant}}, t, '', 'manual', '', %(now)s::timestamptz
FROM members_importrow r, jsonb_array_elements_text(r.tags) t WHERE {_ROW} AND r.applied_at = %(now)s
ON CONFLICT DO NOTHING
"""
ADD_TAGS = f"""
WITH added AS (
    INSERT INTO members_membertag (tenant_id, member_id, tag_id, since, added_by)
    SELECT {{tenant}}, r.member_id, g.id, %(now)s, %(by)s
    FROM members_importrow r CROSS JOIN LATERAL jsonb_array_elements_text(r.tags) t
    JOIN members_tag g ON g.tenant_id = {{tenant}} AND g.name = t AND g.kind = 'manual'
    WHERE {_ROW} AND r.applied_at = %(now)s ORDER BY r.member_id, g.id
    ON CONFLICT DO NOTHING RETURNING member_id, tag_id
), held AS (
    INSERT INTO members_memberstate AS s (tenant_id, member_id, segment_ids, tag_ids)
    SELECT {{tenant}}, member_id, '{{{{}}}}', array_agg(tag_id ORDER BY tag_id) FROM added
    GROUP BY member_id ORDER BY member_id
    ON CONFLICT (tenant_id, member_id) DO UPDATE
    SET tag_ids = ARRAY(SELECT DISTINCT x FROM unnest(s.tag_ids || excluded.tag_ids) x ORDER BY x)
), noted AS (
    UPDATE members_importrow r SET made = coalesce(r.made, '{{{{}}}}') || jsonb_build_object('tags', a.ids)
    FROM (SELECT member_id, jsonb_agg(tag_id) AS ids FROM added GROUP BY 1) a
    WHERE {_ROW} AND a.member_id = r.member_id
)
SELECT a.member_id, g.name FROM added a JOIN members_tag g ON g.tenant_id = {{tenant}} AND g.id = a.tag_id
"""

ADD_CONSENT_RECORDS = f"""
INSERT INTO members_consentrecord (tenant_id, member_id, channel, purpose, granted, at, source, wording, recorded_by)
SELECT {{tenant}}, r.member_id, c ->> 'channel', c ->> 'purpose', (c ->> 'granted')::boolean, %(now)s, %(source)s,
       %(wording)s, %(by)s
FROM members_importrow r, jsonb_array_elements(r.consents) c WHERE {_ROW} AND r.applied_at = %(now)s
"""
ADD_CONSENTS = f"""
WITH given AS (
    SELECT r.member_id, c ->> 'channel' AS channel, c ->> 'purpose' AS purpose, (c ->> 'granted')::boolean AS granted
    FROM members_importrow r, jsonb_array_elements(r.consents) c WHERE {_ROW} AND r.applied_at = %(now)s
), fresh AS (
    SELECT g.* FROM given g LEFT JOIN members_consent k ON k.tenant_id = {{tenant}} AND k.member_id = g.member_id
        AND k.channel = g.channel AND k.purpose = g.purpose
    WHERE k.id IS NULL OR (k.granted <> g.granted AND k.at <= %(now)s)
), noted AS (
    UPDATE members_importrow r SET made = coalesce(r.made, '{{{{}}}}') || jsonb_build_object('consents', f.list)
    FROM (SELECT member_id, jsonb_agg(jsonb_build_array(channel, purpose, granted)) AS list FROM fresh GROUP BY 1) f
    WHERE {_ROW} AND f.member_id = r.member_id
), written AS (
    INSERT INTO members_consent AS k (tenant_id, member_id, channel, purpose, granted, at)
    SELECT {{tenant}}, member_id, channel, purpose, granted, %(now)s::timestamptz FROM given
    ORDER BY member_id, channel, purpose
    ON CONFLICT (tenant_id, member_id, channel, purpose) DO UPDATE SET granted = excluded.granted, at = excluded.at
    WHERE k.at <= excluded.at
)
SELECT member_id, channel, purpose, granted FROM fresh
"""

MARK_DIRTY = f"""
INSERT INTO members_dirtymember (tenant_id, member_id, marked_at)
SELECT {{tenant}}, r.member_id, now() FROM members_importrow r
WHERE {_ROW} AND r.member_id IS NOT NULL
  AND (r.after IS NOT NULL OR r.made IS NOT NULL) ORDER BY r.member_id
ON CONFLICT (tenant_id, member_id) DO UPDATE SET marked_at = excluded.marked_at
"""

# A row that gave nothing but tags, identities or consents has changed its member all the same.
CHANGED_BY_WHAT_WAS_MADE = f"""
UPDATE members_importrow r SET outcome = 'changed' WHERE {_ROW} AND r.outcome = 'same' AND r.made IS NOT NULL
"""


def resolve(cursor: CursorWrapper, *, kinds: Sequence[str], after: int, until: int) -> None:
    """Look up whom each row is about, in the order of `kinds`."""
    known = []
    for place, kind in enumerate(kinds):
        known.append(
            _BY_IDENTITY.format(tenant=require_tenant(), kind=kind, place=0 if kind == "external_id" else place + 1)
        )
        if kind in {"email", "phone"}:
            known.append(_BY_PROFILE.format(tenant=require_tenant(), kind=kind, place=place + 1))
    run(cursor, _FORGET, after=after, until=until)
    cursor.execute(
        _RESOLVE.format(tenant=require_tenant(), known=" UNION ALL ".join(known)), {"after": after, "until": until}
    )


def insert_new(cursor: CursorWrapper, importing: Import, **parameters: Any) -> list[tuple[int, str | None]]:
    """Make the members that were numbered; gives (id, source) of those that are really new."""
    fields = [name for name in mapped_fields(importing) if name != "first_seen_at"]
    columns = "".join(f"{name}, " for name in fields)
    values = "".join(f"(r.\"values\" ->> '{name}')::{TYPES.get(name, 'text')}, " for name in fields)
    run(cursor, _INSERT_NEW.replace("{columns}", columns).replace("{values}", values), **parameters)
    return list(cursor.fetchall())


def change(cursor: CursorWrapper, importing: Import, **parameters: Any) -> list[tuple[int, list[str]]]:
    """Write what differs; gives (id, names of what changed)."""
    sets = "".join(
        f"{name} = CASE WHEN r.after ? '{name}' THEN (r.after ->> '{name}')::{TYPES.get(name, 'text')} "
        f"ELSE m.{name} END, "
        for name in mapped_fields(importing)
    )
    run(cursor, _CHANGE.replace("{sets}", sets), **parameters)
    return list(cursor.fetchall())


def mapped_fields(importing: Import) -> list[str]:
    """The profile fields that the file has columns for."""
    targets = {column["target"] for column in importing.columns}
    return [name for name in FIELDS if name in targets]


def run(cursor: CursorWrapper, statement: str, **parameters: Any) -> int:
    """Run it with the tenant as a literal; returns how many rows it touched."""
    cursor.execute(statement.format(tenant=require_tenant()), parameters)
    return int(cursor.rowcount)


def look_up_by_key() -> None:
    """For the rest of the transaction: find what a slice is about by keys.

    The tables grow under the import, so their statistics lag and the planner would read them whole for each slice.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
        )
