"""The absorber: inbox → identities resolved, duplicates dropped → log, daily counts, dirty members; one transaction.

One absorber per tenant at a time (row lock on its cursor), so a tenant's log becomes visible in order and a consumer's
cursor never skips a late commit. Everything is set-based; only `identify` items, which are rare, go through Python.
"""

from typing import Any

import orjson
import structlog
from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from members.actions import identify_member
from members.consumers.log import ABSORBER, TYPE_OF, start_cursors
from members.models import Cursor, InboxEntry, ParkedEvent
from members.queries.merging import any_merged
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

log = structlog.get_logger()

BATCH = 20_000  # events absorbed in one transaction, about a second's work

_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS absorb_item (
    id bigint, key uuid, member_id bigint, counts_for bigint, kind text, value text, name text, name_id integer,
    occurred_at timestamptz, amount numeric, properties jsonb, trusted boolean, link text, others jsonb, day date
) ON COMMIT DELETE ROWS;
DELETE FROM absorb_item;  -- rows of a batch before in the same transaction
SET LOCAL work_mem = '64MB';
"""

# Whole inbox rows, oldest first, up to the batch size (always at least one).
_PICK = """
SELECT id, items FROM (
    SELECT id, items, sum(items) OVER (ORDER BY id) - items AS before FROM members_inboxentry
    WHERE tenant_id = {tenant} ORDER BY id LIMIT %(rows)s
) i WHERE before < %(batch)s ORDER BY id
"""

# Items get the ids that they will have in the log; duplicates' ids are lost, which costs nothing. What is known of
# names and identities is looked up on the way: what is missing then is rare. An id that somebody brought into a merge
# goes on being logged for that member, and counts for the survivor.
_UNPACK = """
INSERT INTO absorb_item
SELECT nextval('members_event_id_seq'), r.* FROM (
    SELECT o.k::uuid, coalesce(o.m, d.logged_as, d.member_id), coalesce(o.m, d.member_id), o.i, o.v, o.n, e.id, o.t,
           o.a, coalesce(o.p, '{{}}'), o.s, o.x, o.o, (o.t AT TIME ZONE %(zone)s)::date
    FROM members_inboxentry b
    CROSS JOIN ROWS FROM (jsonb_to_recordset(b.body::jsonb) AS (k text, m bigint, i text, v text, n text,
                                                                t timestamptz, a numeric, p jsonb, s boolean,
                                                                x text, o jsonb))
               WITH ORDINALITY o
    LEFT JOIN members_eventname e ON e.tenant_id = {tenant} AND e.name = o.n
    LEFT JOIN members_identity d ON d.tenant_id = {tenant} AND d.kind = o.i AND d.value = o.v
    WHERE b.tenant_id = {tenant} AND b.id = ANY (%(ids)s)
    ORDER BY b.id, o.ordinality
) r
"""

_HAS_STRICT = "SELECT EXISTS (SELECT FROM members_eventname WHERE tenant_id = {tenant} AND strict)"

# Events of strict names that carry what their registry does not list. Before their keys are remembered: they may come
# again, and a retry must not be dropped as known.
_PARK_MISFITS = f"""
WITH typed AS (
    SELECT i.id, p.key, d.type AS expected, {TYPE_OF} AS type
    FROM absorb_item i JOIN members_eventname n ON n.tenant_id = {{tenant}} AND n.id = i.name_id AND n.strict
    CROSS JOIN LATERAL jsonb_each(i.properties) p
    LEFT JOIN members_eventproperty d ON d.tenant_id = {{tenant}} AND d.event_id = n.id AND d.name = p.key
), misfit AS (
    SELECT id, string_agg(key || ': ' || coalesce(type || ' instead of ' || expected, 'not listed'), '; ' ORDER BY key)
           AS reason
    FROM typed WHERE type <> 'null' AND (expected IS NULL OR (type <> expected
                                         AND NOT (expected = 'text' AND type = 'datetime')))
    GROUP BY id
), gone AS (
    DELETE FROM absorb_item i USING misfit m WHERE m.id = i.id RETURNING i.*, m.reason
)
INSERT INTO members_parkedevent (tenant_id, consumer, member_id, received_at, body, reason, parked_at)
SELECT {{tenant}}, '{ABSORBER}', member_id, now(), jsonb_build_object('items', json_build_array(json_build_object(
           'k', replace(key::text, '-', ''), 'i', kind, 'v', value, 'n', name, 't', occurred_at, 'a', amount::text,
           'p', properties, 's', trusted))::text), left(name || ': ' || reason, 2000), now()
FROM gone ON CONFLICT DO NOTHING
"""

# Keys go in in their order: neighbours in the index are then written together. An item whose key was there before, or
# came earlier in the batch, goes.
_DROP_KNOWN = """
WITH fresh AS (
    INSERT INTO members_eventkey (tenant_id, key, event_id)
    SELECT {tenant}, key, id FROM absorb_item WHERE key IS NOT NULL ORDER BY key, id
    ON CONFLICT DO NOTHING RETURNING event_id
)
DELETE FROM absorb_item WHERE key IS NOT NULL AND id NOT IN (SELECT event_id FROM fresh)
"""

_IDENTIFY = """
DELETE FROM absorb_item WHERE name = 'urm.identify'
RETURNING id, kind, value, link, others::text, properties::text, trusted
"""

# An identification may have moved or made identities.
_LOOK_UP_AGAIN = """
UPDATE absorb_item i SET member_id = coalesce(d.logged_as, d.member_id), counts_for = d.member_id
FROM members_identity d
WHERE d.tenant_id = {tenant} AND d.kind = i.kind AND d.value = i.value
"""

# What the platform says of a member is about whoever that is by now.
_MERGED = """
UPDATE absorb_item i SET counts_for = m.merged_into_id FROM members_member m
WHERE i.kind IS NULL AND m.tenant_id = {tenant} AND m.id = i.member_id AND m.merged_into_id IS NOT NULL
"""

_MISSING = """
SELECT count(*), count(*) FILTER (WHERE name_id IS NULL), count(*) FILTER (WHERE member_id IS NULL), max(id)
FROM absorb_item
"""

_NEW_NAMES = """
INSERT INTO members_eventname (tenant_id, name, platform, created_at)
SELECT DISTINCT {tenant}, name, name LIKE 'urm.%%', now() FROM absorb_item WHERE name_id IS NULL ON CONFLICT DO NOTHING
"""

_LOOK_UP_NEW_NAMES = """
UPDATE absorb_item i SET name_id = e.id FROM members_eventname e
WHERE e.tenant_id = {tenant} AND e.name = i.name AND i.name_id IS NULL
"""

# Ids that nobody has yet become members, first seen when their first event happened.
_NEW_MEMBERS = """
WITH numbered AS (
    SELECT nextval('members_member_id_seq') AS id, u.* FROM (
        SELECT kind, value, min(occurred_at) AS first_seen_at FROM absorb_item WHERE member_id IS NULL GROUP BY 1, 2
    ) u
), created AS (
    INSERT INTO members_member (tenant_id, id, external_id, email, phone, attributes, first_seen_at, created_at,
                                updated_at)
    SELECT {tenant}, id, CASE WHEN kind = 'external_id' THEN value END, CASE WHEN kind = 'email' THEN value END,
           CASE WHEN kind = 'phone' THEN value END, '{{}}', first_seen_at, now(), now()
    FROM numbered
), known AS (
    INSERT INTO members_identity (tenant_id, member_id, kind, value, from_profile, created_at)
    SELECT {tenant}, id, kind, value, kind IN ('email', 'phone'), now() FROM numbered
)
UPDATE absorb_item i SET member_id = n.id, counts_for = n.id FROM numbered n
WHERE i.member_id IS NULL AND n.kind = i.kind AND n.value = i.value
"""

_APPEND = """
INSERT INTO members_event (tenant_id, received_at, id, member_id, name_id, occurred_at, amount, properties, trusted)
SELECT {tenant}, %(received_at)s, id, member_id, name_id, occurred_at, amount, properties, trusted FROM absorb_item
ON CONFLICT DO NOTHING
"""

_COUNT = """
INSERT INTO members_daily AS d (tenant_id, member_id, name_id, day, count, amount_count, amount_sum, amount_min,
                                amount_max, first_at, last_at)
SELECT {tenant}, counts_for, name_id, day, count(*), count(amount), sum(amount), min(amount), max(amount),
       min(occurred_at), max(occurred_at)
FROM absorb_item GROUP BY counts_for, name_id, day ORDER BY counts_for, name_id, day
ON CONFLICT (tenant_id, member_id, name_id, day) DO UPDATE SET
    count = d.count + excluded.count, amount_count = d.amount_count + excluded.amount_count,
    amount_sum = coalesce(d.amount_sum + excluded.amount_sum, d.amount_sum, excluded.amount_sum),
    amount_min = least(d.amount_min, excluded.amount_min), amount_max = greatest(d.amount_max, excluded.amount_max),
    first_at = least(d.first_at, excluded.first_at), last_at = greatest(d.last_at, excluded.last_at)
"""

_SEEN_EARLIER = """
UPDATE members_member m SET first_seen_at = e.first_at
FROM (SELECT counts_for, min(occurred_at) AS first_at FROM absorb_item GROUP BY 1 ORDER BY 1) e
WHERE m.tenant_id = {tenant} AND m.id = e.counts_for AND m.first_seen_at > e.first_at
"""

# A mark that is there already is locked, though not changed: a refresh that is about to take it leaves it alone until
# this transaction is through, instead of looking at the member too early.
_DIRTY = """
INSERT INTO members_dirtymember (tenant_id, member_id, marked_at, cause_id)
SELECT {tenant}, counts_for, now(), min(id) FROM absorb_item GROUP BY counts_for ORDER BY counts_for
ON CONFLICT (tenant_id, member_id) DO UPDATE SET marked_at = excluded.marked_at WHERE false
"""


def absorb(*, batch: int = BATCH, rows: int = 2000) -> int | None:
    """Absorb one batch of the current tenant's inbox: how many items, or None when another worker is at it.

    An inbox row that the database refuses is parked whole, with the reason; the others go on.
    """
    try:
        return _absorb(batch=batch, rows=rows)
    except (DataError, IntegrityError) as error:
        if rows > 1:
            log.warning("absorb.one_by_one", error=type(error).__name__)
            return absorb(batch=1, rows=1)
        _park_first(str(error))
        return 1


def _absorb(*, batch: int, rows: int) -> int | None:
    tenant = Tenant.objects.get(pk=require_tenant())
    with transaction.atomic(), connection.cursor() as db:
        mark = Cursor.objects.select_for_update(skip_locked=True).filter(consumer=ABSORBER).first()
        if mark is None:
            if Cursor.objects.filter(consumer=ABSORBER).exists():
                return None
            start_cursors()
            mark = Cursor.objects.select_for_update().get(consumer=ABSORBER)
        _execute(db, _PICK, batch=batch, rows=rows)
        picked = db.fetchall()
        if not picked:
            return 0
        ids = [pk for pk, _items in picked]
        items: int = sum(count for _pk, count in picked)
        db.execute(_TEMPORARY)
        _execute(db, _UNPACK, ids=ids, zone=tenant.time_zone)
        _park_misfits(db)
        duplicates = _execute(db, _DROP_KNOWN)
        _identify(db)
        db.execute(_MISSING)
        appended, new_names, new_members, last_id = db.fetchone()
        if appended:
            if any_merged():
                _execute(db, _MERGED)
            if new_names:
                _execute(db, _NEW_NAMES)
                _execute(db, _LOOK_UP_NEW_NAMES)
            if new_members:
                _execute(db, _NEW_MEMBERS)
            db.execute("SELECT greatest(clock_timestamp(), %s)", [mark.received_at])
            [mark.received_at] = db.fetchone()
            mark.event_id = last_id
            _execute(db, _APPEND, received_at=mark.received_at)
            _execute(db, _COUNT)
            _execute(db, _SEEN_EARLIER)
            _execute(db, _DIRTY)
        InboxEntry.objects.filter(pk__in=ids).delete()
        mark.absorbed += appended
        mark.duplicates += duplicates
        mark.save(update_fields=["received_at", "event_id", "absorbed", "duplicates"])
    return items


def _park_misfits(db: CursorWrapper) -> None:
    _execute(db, _HAS_STRICT)
    if db.fetchone()[0]:
        _execute(db, _PARK_MISFITS)


def _identify(db: CursorWrapper) -> None:
    _execute(db, _IDENTIFY)
    identifications = sorted(db.fetchall())
    for _id, kind, value, anonymous_id, others, traits, trusted in identifications:
        ids = [(kind, value), *(tuple(one) for one in orjson.loads(others or "[]"))]
        if anonymous_id:  # from before a request could name more than this one
            ids.append(("anonymous_id", anonymous_id))
        identify_member(ids=ids, traits=orjson.loads(traits), trusted=trusted)
    if identifications:
        _execute(db, _LOOK_UP_AGAIN)


def _park_first(reason: str) -> None:
    with transaction.atomic():
        entry = InboxEntry.objects.order_by("pk").first()
        if entry is not None:
            ParkedEvent.objects.create(
                consumer=ABSORBER, received_at=entry.received_at, body={"items": entry.body}, reason=reason[:2000]
            )
            entry.delete()


def _execute(db: CursorWrapper, statement: str, **parameters: Any) -> int:
    """Run a statement with the tenant as a literal in it; returns how many rows it touched."""
    db.execute(statement.format(tenant=require_tenant()), parameters)
    return int(db.rowcount)
