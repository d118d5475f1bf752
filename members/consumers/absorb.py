"""The absorber: inbox → identities resolved, duplicates dropped → log, daily counts, dirty members; one transaction.

One absorber per tenant at a time (row lock on its cursor), so a tenant's log becomes visible in order and a consumer's
cursor never skips a late commit. Everything is set-based; only `identify` items, which are rare, go through Python.
"""

from typing import Any

import orjson
import structlog
from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from members.actions.members import identify_member
from members.consumers.log import ABSORBER, start_cursors
from members.models import Cursor, InboxEntry, ParkedEvent
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

log = structlog.get_logger()

BATCH = 20_000  # events absorbed in one transaction, about a second's work

_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS absorb_item (
    n bigint, key uuid, member_id bigint, kind text, value text, name text, occurred_at timestamptz, amount numeric,
    properties jsonb, trusted boolean, link text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS absorb_event (
    id bigint, member_id bigint, name_id integer, occurred_at timestamptz, amount numeric, properties jsonb,
    trusted boolean, day date
) ON COMMIT DELETE ROWS;
DELETE FROM absorb_item;  -- rows of a batch before in the same transaction
DELETE FROM absorb_event;
"""

# Whole inbox rows, oldest first, up to the batch size (always at least one).
_PICK = """
SELECT id, items FROM (
    SELECT id, items, sum(items) OVER (ORDER BY id) - items AS before FROM members_inboxentry
    WHERE tenant_id = {tenant} ORDER BY id LIMIT %(rows)s
) i WHERE before < %(batch)s ORDER BY id
"""

_UNPACK = """
INSERT INTO absorb_item
SELECT row_number() OVER (ORDER BY b.id, o.ordinality), o.k::uuid, o.m, o.i, o.v, o.n, o.t, o.a, o.p, o.s, o.x
FROM members_inboxentry b,
     ROWS FROM (json_to_recordset(b.body::json) AS (k text, m bigint, i text, v text, n text, t timestamptz,
                                                    a numeric, p jsonb, s boolean, x text)) WITH ORDINALITY o
WHERE b.tenant_id = {tenant} AND b.id = ANY (%(ids)s)
"""

_DROP_REPEATED = """
DELETE FROM absorb_item a USING (
    SELECT n, row_number() OVER (PARTITION BY key ORDER BY n) AS turn FROM absorb_item WHERE key IS NOT NULL
) r WHERE r.n = a.n AND r.turn > 1
"""

_DROP_KNOWN = """
WITH fresh AS (
    INSERT INTO members_eventkey (tenant_id, key)
    SELECT {tenant}, key FROM absorb_item WHERE key IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING key
)
DELETE FROM absorb_item a WHERE a.key IS NOT NULL AND NOT EXISTS (SELECT FROM fresh f WHERE f.key = a.key)
"""

_IDENTIFY = "DELETE FROM absorb_item WHERE name = 'urm.identify' RETURNING n, value, link, properties::text, trusted"

_NEW_NAMES = """
INSERT INTO members_eventname (tenant_id, name, platform, created_at)
SELECT DISTINCT {tenant}, name, name LIKE 'urm.%%', now() FROM absorb_item ON CONFLICT DO NOTHING
"""

# Ids that nobody has yet become members, first seen when their first event happened.
_NEW_MEMBERS = """
WITH unknown AS (
    SELECT i.kind, i.value, min(i.occurred_at) AS first_seen_at
    FROM absorb_item i LEFT JOIN members_identity d
      ON d.tenant_id = {tenant} AND d.kind = i.kind AND d.value = i.value
    WHERE i.member_id IS NULL AND d.id IS NULL GROUP BY 1, 2
), numbered AS (
    SELECT nextval(pg_get_serial_sequence('members_member', 'id')) AS id, u.* FROM unknown u
), created AS (
    INSERT INTO members_member (tenant_id, id, external_id, attributes, first_seen_at, created_at, updated_at)
    SELECT {tenant}, id, CASE WHEN kind = 'external_id' THEN value END, '{{}}', first_seen_at, now(), now()
    FROM numbered
)
INSERT INTO members_identity (tenant_id, member_id, kind, value, created_at)
SELECT {tenant}, id, kind, value, now() FROM numbered
"""

_RESOLVE = """
INSERT INTO absorb_event
SELECT nextval(pg_get_serial_sequence('members_event', 'id')), r.* FROM (
    SELECT coalesce(i.member_id, d.member_id), e.id, i.occurred_at, i.amount, coalesce(i.properties, '{{}}'), i.trusted,
           (i.occurred_at AT TIME ZONE %(zone)s)::date
    FROM absorb_item i
    JOIN members_eventname e ON e.tenant_id = {tenant} AND e.name = i.name
    LEFT JOIN members_identity d ON d.tenant_id = {tenant} AND d.kind = i.kind AND d.value = i.value
    ORDER BY i.n
) r
"""

_APPEND = """
INSERT INTO members_event (tenant_id, received_at, id, member_id, name_id, occurred_at, amount, properties, trusted)
SELECT {tenant}, %(received_at)s, id, member_id, name_id, occurred_at, amount, properties, trusted FROM absorb_event
ON CONFLICT DO NOTHING
"""

_COUNT = """
INSERT INTO members_daily AS d (tenant_id, member_id, name_id, day, count, amount_count, amount_sum, amount_min,
                                amount_max, first_at, last_at)
SELECT {tenant}, member_id, name_id, day, count(*), count(amount), sum(amount), min(amount), max(amount),
       min(occurred_at), max(occurred_at)
FROM absorb_event GROUP BY member_id, name_id, day
ON CONFLICT (tenant_id, member_id, name_id, day) DO UPDATE SET
    count = d.count + excluded.count, amount_count = d.amount_count + excluded.amount_count,
    amount_sum = coalesce(d.amount_sum + excluded.amount_sum, d.amount_sum, excluded.amount_sum),
    amount_min = least(d.amount_min, excluded.amount_min), amount_max = greatest(d.amount_max, excluded.amount_max),
    first_at = least(d.first_at, excluded.first_at), last_at = greatest(d.last_at, excluded.last_at)
"""

_SEEN_EARLIER = """
UPDATE members_member m SET first_seen_at = e.first_at
FROM (SELECT member_id, min(occurred_at) AS first_at FROM absorb_event GROUP BY 1) e
WHERE m.tenant_id = {tenant} AND m.id = e.member_id AND m.first_seen_at > e.first_at
"""

_DIRTY = """
INSERT INTO members_dirtymember (tenant_id, member_id, marked_at, cause_id)
SELECT {tenant}, member_id, now(), min(id) FROM absorb_event GROUP BY member_id
ON CONFLICT DO NOTHING
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
        _execute(db, _UNPACK, ids=ids)
        duplicates = _execute(db, _DROP_REPEATED) + _execute(db, _DROP_KNOWN)
        _execute(db, _IDENTIFY)
        for _n, external_id, anonymous_id, traits, trusted in sorted(db.fetchall()):
            identify_member(
                external_id=external_id, anonymous_id=anonymous_id, traits=orjson.loads(traits), trusted=trusted
            )
        _execute(db, _NEW_NAMES)
        _execute(db, _NEW_MEMBERS)
        appended = _execute(db, _RESOLVE, zone=tenant.time_zone)
        if appended:
            db.execute("SELECT greatest(clock_timestamp(), %s), max(id) FROM absorb_event", [mark.received_at])
            mark.received_at, mark.event_id = db.fetchone()
            _execute(db, _APPEND, received_at=mark.received_at)
            _execute(db, _COUNT)
            _execute(db, _SEEN_EARLIER)
            _execute(db, _DIRTY)
        InboxEntry.objects.filter(pk__in=ids).delete()
        mark.absorbed += appended
        mark.duplicates += duplicates
        mark.save(update_fields=["received_at", "event_id", "absorbed", "duplicates"])
    return items


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
