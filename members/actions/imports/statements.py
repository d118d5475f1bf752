"""The statements of imports, which work on the slice (see slices.py). `{tenant}` is a literal."""

from typing import Any

from django.db.backends.utils import CursorWrapper

from members.actions.imports.slices import run
from members.actions.imports.targets import FIELDS
from members.models import Import

TYPES = {"birthday": "date", "first_seen_at": "timestamptz"}
_NOW = ", ".join(f"'{name}', m.{name}" for name in FIELDS)
# What a member is now, once for each row; `OLD` is the value of the field or attribute `e.key` in it, as JSON.
MEMBER_NOW = f"""LATERAL (
    SELECT m.id, m.attributes, m.attribute_sources AS sources, jsonb_build_object({_NOW}) AS fields
    FROM members_member m
    WHERE m.tenant_id = {{tenant}} AND m.id = s.member_id AND m.erased_at IS NULL OFFSET 0
) m"""
OLD = (
    "coalesce(CASE WHEN starts_with(e.key, 'attributes.') THEN m.attributes -> substr(e.key, 12) "
    "ELSE m.fields -> e.key END, 'null')"
)
# Whether the given value takes the place of the old one. The external id of a member never changes, nor does the value
# of an attribute that comes from a source to be believed more: `believed` is {"attributes.<name>": those sources}.
_TAKES = (
    "CASE WHEN e.key = 'external_id' OR %(mode)s = 'fill' THEN o.old = 'null' ELSE o.old <> e.value END AND (o.old = "
    "'null' OR NOT coalesce(%(believed)s::jsonb -> e.key ? (m.sources ->> substr(e.key, 12)), false))"
)
_ATTRIBUTES = (
    "coalesce((SELECT jsonb_object_agg(substr(a.key, 12), a.value) FROM jsonb_each({source}) a "
    "WHERE starts_with(a.key, 'attributes.')), '{{{{}}}}')"
)
MEMBERS = "ANY (ARRAY(SELECT member_id FROM import_slice WHERE {which}))"

# Rows whose key stands in an earlier row, of this slice or of one before.
EARLIER = """
SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY key ORDER BY id) AS turn FROM import_slice
                WHERE key IS NOT NULL) t WHERE turn > 1
UNION
SELECT s.id FROM import_slice s CROSS JOIN LATERAL (
    SELECT 1 FROM members_importrow r
    WHERE r.tenant_id = {tenant} AND r.import_id = %(importing)s AND r.key = s.key OFFSET 0
) r WHERE s.key IS NOT NULL
"""
SAME_MEMBER = """
SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY member_id ORDER BY id) AS turn FROM import_slice
                WHERE member_id IS NOT NULL) t WHERE turn > 1
"""
SPOIL = """
UPDATE import_slice s SET outcome = 'error', key = NULL, member_id = NULL, "values" = '{{}}', identities = '{{}}',
    tags = NULL, consents = NULL, problems = %(problem)s, raw = g.raw
FROM json_to_recordset(%(rows)s::json) AS g(id bigint, raw jsonb) WHERE s.id = g.id
"""

TELL = f"""
UPDATE import_slice r SET outcome = CASE
    WHEN r.member_id IS NULL THEN CASE WHEN %(mode)s = 'update' THEN 'skipped' ELSE 'new' END
    WHEN %(mode)s = 'create' THEN 'skipped' ELSE f.outcome END
FROM (
    SELECT s.id, CASE
        WHEN EXISTS (SELECT FROM jsonb_each(s."values") e CROSS JOIN LATERAL (SELECT {OLD}) o(old) WHERE {_TAKES})
          OR EXISTS (SELECT FROM jsonb_array_elements_text(s.tags) t WHERE NOT coalesce(t = ANY (h.names), false))
          OR EXISTS (SELECT FROM jsonb_array_elements(s.consents) c
                     WHERE k.said -> concat(c ->> 'channel', ':', c ->> 'purpose') IS DISTINCT FROM c -> 'granted')
        THEN 'changed' ELSE 'same' END AS outcome
    FROM import_slice s LEFT JOIN {MEMBER_NOW} ON true
    LEFT JOIN LATERAL (
        SELECT array_agg((SELECT g.name FROM members_tag g WHERE g.tenant_id = {{tenant}} AND g.id = h.tag_id)) AS names
        FROM members_membertag h WHERE h.tenant_id = {{tenant}} AND h.member_id = s.member_id AND s.tags IS NOT NULL
        OFFSET 0
    ) h ON true
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(concat(k.channel, ':', k.purpose), k.granted) AS said FROM members_consent k
        WHERE k.tenant_id = {{tenant}} AND k.member_id = s.member_id AND s.consents IS NOT NULL OFFSET 0
    ) k ON true
) f WHERE r.outcome <> 'error' AND f.id = r.id
"""
STAGE = """
INSERT INTO members_importrow (tenant_id, id, import_id, key, outcome, member_id, "values", identities, tags, consents,
                               raw, problems)
SELECT {tenant}, id, %(importing)s, key, outcome, member_id, "values", identities, tags, consents, raw, problems
FROM import_slice ORDER BY id
"""

LEAVE_OUT = "UPDATE import_slice SET outcome = 'skipped' WHERE member_id {known}"
# A row that was left out in the dry run takes part when its member has come or gone since.
TAKE_IN = "UPDATE import_slice SET outcome = 'same' WHERE outcome = 'skipped'"

LOCK = f"""
SELECT count(*) FROM (
    SELECT id FROM members_member WHERE tenant_id = {{tenant}}
      AND id = {MEMBERS.format(which="member_id IS NOT NULL AND made IS NULL")} ORDER BY id FOR UPDATE
) m
"""

NUMBER_NEW = """
UPDATE import_slice SET member_id = nextval('members_member_id_seq'), made = '{{"member": true}}', outcome = 'new',
    applied_at = %(now)s
WHERE outcome <> 'skipped' AND member_id IS NULL
"""

_INSERT_NEW = f"""
INSERT INTO members_member (tenant_id, id, {{columns}} attributes, first_seen_at, created_at, updated_at)
SELECT {{tenant}}, r.member_id, {{values}} {_ATTRIBUTES.format(source='r."values"')},
    coalesce((r."values" ->> 'first_seen_at')::timestamptz, %(now)s), %(now)s, %(now)s
FROM import_slice r WHERE r.made ? 'member' ORDER BY r.id
ON CONFLICT DO NOTHING RETURNING id, source
"""

# Somebody made a member of that external id a moment ago: then it is found at the second look.
FORGET_NUMBERS = """
UPDATE import_slice SET member_id = NULL, made = NULL, applied_at = NULL
WHERE made ? 'member' AND NOT member_id = ANY (%(made)s)
"""

DIFFER = f"""
WITH d AS MATERIALIZED (
    SELECT s.id, t.before, t.after FROM import_slice s CROSS JOIN {MEMBER_NOW} CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(e.key, o.old) AS before, jsonb_object_agg(e.key, e.value) AS after
        FROM jsonb_each(s."values") e CROSS JOIN LATERAL (SELECT {OLD}) o(old) WHERE {_TAKES}
    ) t
    WHERE s.outcome <> 'skipped' AND s.made IS NULL
)
UPDATE import_slice r SET before = d.before, after = d.after, applied_at = %(now)s,
    outcome = CASE WHEN d.after IS NULL THEN 'same' ELSE 'changed' END
FROM d WHERE r.id = d.id
"""

_CHANGED = "made IS NULL AND after IS NOT NULL"
_CHANGE = f"""
UPDATE members_member m SET {{sets}}
    attributes = m.attributes || {_ATTRIBUTES.format(source="r.after")}, updated_at = %(now)s
FROM import_slice r
WHERE m.tenant_id = {{tenant}} AND m.id = {MEMBERS.format(which=_CHANGED)} AND m.id = r.member_id
  AND r.made IS NULL AND r.after IS NOT NULL
RETURNING m.id, ARRAY(SELECT jsonb_object_keys(r.after))
"""

# Who wrote the attributes of which that is noted; a value that comes again counts, too.
NOTE_SOURCES = f"""
WITH written AS MATERIALIZED (
    SELECT s.id, s.member_id, w.* FROM import_slice s CROSS JOIN {MEMBER_NOW} CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(n.name, 'import') AS now, jsonb_object_agg(n.name, m.sources -> n.name) AS before
        FROM jsonb_each(%(believed)s::jsonb) b CROSS JOIN LATERAL (SELECT substr(b.key, 12)) n(name)
        WHERE s."values" -> b.key = m.attributes -> n.name
          AND NOT coalesce(m.sources ->> n.name = 'import' OR b.value ? (m.sources ->> n.name), false)
    ) w WHERE s.outcome <> 'skipped' AND w.now IS NOT NULL
), noted AS (
    UPDATE import_slice r SET made = coalesce(r.made, '{{{{}}}}') || jsonb_build_object('sources', w.before)
    FROM written w WHERE r.id = w.id
)
UPDATE members_member m SET attribute_sources = coalesce(m.attribute_sources, '{{{{}}}}') || w.now FROM written w
WHERE m.tenant_id = {{tenant}} AND m.id = {MEMBERS.format(which="outcome <> 'skipped'")} AND m.id = w.member_id
"""

# The identities that stand for the profile's addresses follow them.
DROP_OLD_ADDRESSES = """
DELETE FROM members_identity WHERE tenant_id = {tenant} AND id = ANY (ARRAY(
    SELECT i.id FROM import_slice r CROSS JOIN LATERAL (
        SELECT i.id, i.kind, i.value FROM members_identity i
        WHERE i.tenant_id = {tenant} AND i.member_id = r.member_id AND i.from_profile AND i.kind IN ('email', 'phone')
        OFFSET 0
    ) i WHERE r.after ?| '{{email,phone}}' AND r.after ? i.kind AND i.value <> r.after ->> i.kind
))
"""
# Gives the addresses that others have already: an address is the identity of the first who has it.
ADD_IDENTITIES = """
WITH given AS MATERIALIZED (
    SELECT r.member_id, g.key AS kind, g.value FROM import_slice r CROSS JOIN LATERAL jsonb_each_text(r.identities) g
    WHERE r.applied_at = %(now)s AND (g.key NOT IN ('email', 'phone') OR r.made ? 'member' OR r.after ? g.key)
), added AS (
    INSERT INTO members_identity (tenant_id, member_id, kind, value, from_profile, created_at)
    SELECT {tenant}, member_id, kind, value, kind IN ('email', 'phone'), %(now)s FROM given ORDER BY kind, value
    ON CONFLICT DO NOTHING RETURNING id, member_id, kind, value
), noted AS (
    UPDATE import_slice r SET made = coalesce(r.made, '{{}}') || jsonb_build_object('identities', a.ids)
    FROM (SELECT member_id, jsonb_agg(id) AS ids FROM added GROUP BY 1) a WHERE a.member_id = r.member_id
)
SELECT g.member_id, g.kind, g.value FROM given g LEFT JOIN added a USING (member_id, kind, value)
WHERE a.id IS NULL AND g.kind IN ('email', 'phone')
"""
NOTE_DUPLICATES = """
INSERT INTO members_duplicatecandidate (tenant_id, first_id, second_id, reason, found_at, dismissed_by)
SELECT DISTINCT {tenant}, least(g.member_id, i.member_id), greatest(g.member_id, i.member_id), g.kind, %(now)s, ''
FROM unnest(%(members)s::bigint[], %(kinds)s::text[], %(values)s::text[]) g(member_id, kind, value) CROSS JOIN LATERAL (
    SELECT i.member_id FROM members_identity i
    WHERE i.tenant_id = {tenant} AND i.kind = g.kind AND i.value = g.value OFFSET 0
) i WHERE i.member_id <> g.member_id
ON CONFLICT DO NOTHING
"""

NEW_TAGS = """
INSERT INTO members_tag (tenant_id, name, "group", kind, description, created_at)
SELECT DISTINCT {tenant}, t, '', 'manual', '', %(now)s::timestamptz
FROM import_slice r, jsonb_array_elements_text(r.tags) t WHERE r.applied_at = %(now)s
ON CONFLICT DO NOTHING
"""
ADD_TAGS = """
WITH tag AS MATERIALIZED (
    SELECT id, name FROM members_tag WHERE tenant_id = {tenant} AND kind = 'manual'
), added AS (
    INSERT INTO members_membertag (tenant_id, member_id, tag_id, since, added_by)
    SELECT {tenant}, r.member_id, g.id, %(now)s, %(by)s
    FROM import_slice r CROSS JOIN LATERAL jsonb_array_elements_text(r.tags) t JOIN tag g ON g.name = t
    WHERE r.applied_at = %(now)s ORDER BY r.member_id, g.id
    ON CONFLICT DO NOTHING RETURNING member_id, tag_id
), held AS (
    INSERT INTO members_memberstate AS s (tenant_id, member_id, segment_ids, tag_ids)
    SELECT {tenant}, member_id, '{{}}', array_agg(tag_id ORDER BY tag_id) FROM added
    GROUP BY member_id ORDER BY member_id
    ON CONFLICT (tenant_id, member_id) DO UPDATE
    SET tag_ids = ARRAY(SELECT DISTINCT x FROM unnest(s.tag_ids || excluded.tag_ids) x ORDER BY x)
), noted AS (
    UPDATE import_slice r SET made = coalesce(r.made, '{{}}') || jsonb_build_object('tags', a.ids)
    FROM (SELECT member_id, jsonb_agg(tag_id) AS ids FROM added GROUP BY 1) a WHERE a.member_id = r.member_id
)
SELECT a.member_id, g.name FROM added a JOIN tag g ON g.id = a.tag_id
"""

_SAID = """
    SELECT r.member_id, c ->> 'channel' AS channel, c ->> 'purpose' AS purpose, (c ->> 'granted')::boolean AS granted
    FROM import_slice r, jsonb_array_elements(r.consents) c WHERE r.applied_at = %(now)s
"""
ADD_CONSENT_RECORDS = f"""
INSERT INTO members_consentrecord (tenant_id, member_id, channel, purpose, granted, at, source, wording, recorded_by)
SELECT {{tenant}}, member_id, channel, purpose, granted, %(now)s, %(source)s, %(wording)s, %(by)s FROM ({_SAID}) c
ORDER BY member_id, channel, purpose
"""
ADD_CONSENTS = f"""
WITH given AS MATERIALIZED ({_SAID}), fresh AS MATERIALIZED (
    SELECT g.* FROM given g LEFT JOIN LATERAL (
        SELECT k.granted, k.at FROM members_consent k WHERE k.tenant_id = {{tenant}} AND k.member_id = g.member_id
          AND k.channel = g.channel AND k.purpose = g.purpose OFFSET 0
    ) k ON true
    WHERE k.at IS NULL OR (k.granted <> g.granted AND k.at <= %(now)s)
), noted AS (
    UPDATE import_slice r SET made = coalesce(r.made, '{{{{}}}}') || jsonb_build_object('consents', f.list)
    FROM (SELECT member_id, jsonb_agg(jsonb_build_array(channel, purpose, granted)) AS list FROM fresh GROUP BY 1) f
    WHERE f.member_id = r.member_id
), written AS (
    INSERT INTO members_consent AS k (tenant_id, member_id, channel, purpose, granted, at)
    SELECT {{tenant}}, member_id, channel, purpose, granted, %(now)s::timestamptz FROM given
    ORDER BY member_id, channel, purpose
    ON CONFLICT (tenant_id, member_id, channel, purpose) DO UPDATE SET granted = excluded.granted, at = excluded.at
    WHERE k.at <= excluded.at
)
SELECT member_id, channel, purpose, granted FROM fresh
"""

MARK_DIRTY = """
INSERT INTO members_dirtymember (tenant_id, member_id, marked_at)
SELECT DISTINCT {tenant}::bigint, member_id, now() FROM import_slice
WHERE member_id IS NOT NULL AND (after IS NOT NULL OR made IS NOT NULL) ORDER BY member_id
ON CONFLICT (tenant_id, member_id) DO UPDATE SET marked_at = excluded.marked_at
"""

# A row that gave nothing but tags, identities or consents has changed its member all the same.
KEEP = """
UPDATE members_importrow r SET member_id = s.member_id, before = s.before, after = s.after, made = s.made,
    applied_at = s.applied_at,
    outcome = CASE WHEN s.outcome = 'same' AND s.made - 'sources' <> '{{}}' THEN 'changed' ELSE s.outcome END
FROM import_slice s WHERE r.tenant_id = {tenant} AND r.id > %(after)s AND r.id <= %(until)s AND r.id = s.id
"""


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
