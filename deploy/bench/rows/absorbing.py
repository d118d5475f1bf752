"""Row 1: the absorber against COPY, the fastest way there is to put the same rows into the same kind of tables: the
log, and the keys by which it knows what it has.

CPU seconds are compared, of this process and of the server's: what others do on the machine does not change them.
"""

from __future__ import annotations

import gc
import time
from io import StringIO
from statistics import median

from django.db import connection, connections
from django.utils import timezone

from deploy.bench.dataset import NAMES
from deploy.bench.table import BackendClock, Context, Row, measures
from members.actions import accept_events, canonical_event
from members.consumers.absorb import absorb
from members.models import Cursor
from urm.tenancy.context import tenant_context

BATCH = 20_000
_COLUMNS = "tenant_id, received_at, id, member_id, name_id, occurred_at, amount, properties, trusted"

# Partitioned and indexed as the log is, and as full: it holds what this month's partition of the log holds. And the
# keys, all of them.
_COPY_OF_THE_LOG = """
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
CREATE TABLE bench.event (LIKE members_event INCLUDING ALL) PARTITION BY RANGE (received_at);
CREATE TABLE bench.event_now PARTITION OF bench.event DEFAULT;
INSERT INTO bench.event SELECT * FROM members_event
WHERE tenant_id = %(tenant)s AND received_at >= date_trunc('month', now());
CREATE TABLE bench.key AS SELECT * FROM members_eventkey WHERE tenant_id = %(tenant)s;
ALTER TABLE bench.key ADD PRIMARY KEY (tenant_id, key);
ANALYZE bench.event, bench.key;
"""


@measures("1")
def absorbing(context: Context) -> Row:
    tenant = context.large
    with connections["owner"].cursor() as owner, tenant_context(tenant.id):
        owner.execute(_COPY_OF_THE_LOG, {"tenant": tenant.id})
        pairs = []
        for turn in range(context.rounds + 1):
            _post(tenant.members, turn)
            ours = _timed_absorb()
            limit = _timed_copy()
            if turn:  # the first is a warm-up
                pairs.append((ours, limit))
        owner.execute("DROP SCHEMA bench CASCADE")
    ours, limit = median(a for a, _ in pairs), median(b for _, b in pairs)
    return context.row(
        "1",
        median(b / a for a, b in pairs),
        f"{BATCH / ours:,.0f} events/s ÷ {BATCH / limit:,.0f} rows/s",
        costs={"absorb.event_seconds": ours / BATCH},
    )


def _post(members: int, turn: int) -> None:
    """As the API takes them: batches of 1,000; a fifth purchases, one in a hundred of a new member or sent before."""
    now = timezone.now()
    run = f"{now.timestamp()}-{turn}"
    for start in range(0, BATCH, 1000):
        accept_events(
            [
                canonical_event(
                    {
                        "event_id": f"{run}-{n - n % 100 // 99}",
                        "external_id": f"c-{int(members * (n * 0.6180339887 % 1) ** 1.7) + 1}"
                        if n % 100
                        else f"new-{run}-{n}",
                        "name": NAMES[0] if n % 5 == 0 else NAMES[1 + n % 5],
                        "occurred_at": now.isoformat(),
                        **({"amount": n % 9000 / 100} if n % 5 == 0 else {}),
                        "properties": {"path": f"/p/{n % 997}", "category": "dairy", "channel": "web", "items": n % 7},
                    },
                    trusted=True,
                    now=now,
                )
                for n in range(start, start + 1000)
            ]
        )


def _timed_absorb() -> float:
    clock = BackendClock(connection.connection)
    gc.collect()
    started = clock.now() + time.process_time()
    taken = absorb(batch=BATCH)
    spent = clock.now() + time.process_time() - started
    if taken != BATCH:
        raise RuntimeError(f"absorbed {taken} of {BATCH} items")
    return spent


def _timed_copy() -> float:
    """The rows that the last batch appended and their keys, in the order of their index, into the copies."""
    mark = Cursor.objects.get(consumer="absorb")
    appended = "FROM members_event WHERE tenant_id = %s AND received_at = %s"
    events = _lines(f"SELECT {_COLUMNS.replace('properties', 'properties::text')} {appended}", mark)
    keys = _lines(
        f"SELECT tenant_id, key, event_id FROM members_eventkey WHERE tenant_id = {mark.tenant_id}"
        f" AND event_id IN (SELECT id {appended}) ORDER BY key",
        mark,
    )
    owner = connections["owner"]
    gc.collect()
    with owner.cursor() as cursor:
        clock = BackendClock(owner.connection)
        started = clock.now() + time.process_time()
        cursor.cursor.copy_expert(f"COPY bench.event ({_COLUMNS}) FROM STDIN", events)
        cursor.cursor.copy_expert("COPY bench.key (tenant_id, key, event_id) FROM STDIN", keys)
        return clock.now() + time.process_time() - started


def _lines(statement: str, mark: Cursor) -> StringIO:
    """The rows of a statement as COPY reads them."""
    lines = StringIO()
    with connection.cursor() as cursor:
        cursor.execute(statement, [mark.tenant_id, mark.received_at])
        for row in cursor.fetchall():
            fields = ("\\N" if field is None else str(field).replace("\\", "\\\\") for field in row)
            lines.write("\t".join(fields) + "\n")
    lines.seek(0)
    return lines
