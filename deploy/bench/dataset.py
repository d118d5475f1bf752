"""Members and a year of events, made by set-based SQL in a database of its own, `urm_bench`: one large workspace of the
size that is asked for, and two smaller ones that are just as dense.

The same call makes the same data (hashes instead of random numbers). Data of the same size and making are used again;
migrations that came since are applied to them.
"""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection, connections, transaction

from deploy.bench.table import Workspace
from deploy.paths import say
from urm.tenancy.work import drain

MEMBERS, EVENTS = 500_000, 3_000_000
# slug, zone, its members and events as a share of those that are asked for
SHARES = (
    ("large", "America/New_York", 1.0),
    ("medium", "Asia/Shanghai", 0.1),
    ("small", "Europe/Berlin", 0.01),
)
SLICE = 1_000_000  # events in one statement
MONTHS = 13
NAMES = ("purchase", "page", "product_view", "add_to_cart", "coupon_redeemed", "newsletter_read")

# A number in [0, 1) that depends on two numbers only.
_CHANCE = "((hashint8extended({n}::bigint, {salt}) & 4294967295) / 4294967296.0)"


def chance(n: str, salt: int) -> str:
    return _CHANCE.format(n=n, salt=salt)


_MEMBERS = f"""
INSERT INTO members_member (tenant_id, id, external_id, email, first_name, last_name, birthday, gender, language, city,
                            country, source, attributes, first_seen_at, created_at, updated_at)
SELECT {{tenant}}, {{base}} + g, 'c-' || g, 'c-' || g || '@example.com',
       (ARRAY['Ada','Grace','Alan','Edsger','Barbara','Ken','Radia','Tim'])[1 + g % 8],
       (ARRAY['Lovelace','Hopper','Turing','Dijkstra','Liskov','Thompson','Lee','Wang','Li'])[1 + (g / 8) % 9],
       date '1940-01-01' + ({chance("g", 1)} * 25000)::int, (ARRAY['female','male','other'])[1 + g % 3],
       (ARRAY['en','zh-hans'])[1 + g % 2], (ARRAY['New York','Boston','上海','北京','Berlin'])[1 + g % 5],
       (ARRAY['US','CN','DE'])[1 + g % 3], (ARRAY['shop','newsletter','friend','search'])[1 + g % 4],
       jsonb_build_object('plan', (ARRAY['free','plus','pro'])[1 + g % 3], 'children', g % 4,
                          'score', round(({chance("g", 2)} * 100)::numeric, 1)),
       seen.at, seen.at, now()
FROM generate_series(1, {{members}}) g,
     LATERAL (SELECT now() - interval '395 days' * {chance("g", 3)} AS at) seen
ON CONFLICT DO NOTHING
"""

_IDENTITIES = """
INSERT INTO members_identity (tenant_id, member_id, kind, value, created_at)
SELECT {tenant}, {base} + g, 'external_id', 'c-' || g, now() FROM generate_series(1, {members}) g
ON CONFLICT DO NOTHING
"""

_CONSENTS = f"""
INSERT INTO members_consent (tenant_id, member_id, channel, purpose, granted, at)
SELECT {{tenant}}, {{base}} + g, 'email', 'marketing', g % 10 < 8, now() - interval '300 days'
FROM generate_series(1, {{members}}) g WHERE {chance("g", 4)} < 0.7
ON CONFLICT DO NOTHING
"""

_TAGS = """
INSERT INTO members_membertag (tenant_id, member_id, tag_id, since, added_by)
SELECT {tenant}, {base} + g, t.id, now() - interval '30 days', 'import'
FROM generate_series(1, {members}) g JOIN members_tag t ON t.tenant_id = {tenant} AND g % (7 + t.id % 5) = 0
ON CONFLICT DO NOTHING
"""

_STATES = """
INSERT INTO members_memberstate (tenant_id, member_id, segment_ids, tag_ids)
SELECT {tenant}, m.id, '{{}}', coalesce(t.ids, '{{}}') FROM members_member m
LEFT JOIN (SELECT member_id, array_agg(tag_id ORDER BY tag_id) AS ids FROM members_membertag
           WHERE tenant_id = {tenant} GROUP BY 1) t ON t.member_id = m.id
WHERE m.tenant_id = {tenant} ON CONFLICT DO NOTHING
"""

# Few members do much: squares of chances. A fifth of the events are purchases.
_EVENTS = f"""
INSERT INTO members_event (tenant_id, received_at, member_id, name_id, occurred_at, amount, properties, trusted)
SELECT {{tenant}}, e.at, e.member_id, (ARRAY[{{names}}])[e.name], e.at - interval '1 second' * (g % 50),
       CASE WHEN e.name = 1 THEN round((exp(2.5 + 1.2 * {chance("g", 12)} + 1.2 * {chance("g", 13)}))::numeric, 2) END,
       CASE WHEN e.name = 1 THEN jsonb_build_object('order', g, 'channel', (ARRAY['web','shop','app'])[1 + g % 3],
                                                    'items', 1 + g % 7)
            ELSE jsonb_build_object('path', '/p/' || g % 997, 'category', (ARRAY['dairy','toys','books'])[1 + g % 3])
       END, true
FROM generate_series({{first}}::bigint, {{last}}) g,
     LATERAL (SELECT {{base}} + 1 + floor({{members}} * {chance("g", 10)} ^ 1.7)::bigint AS member_id,
                     date_trunc('second', timestamptz '{{now}}')
                     - interval '380 days' * (1 - g / {{events}}::float8) AS at,
                     CASE WHEN {chance("g", 11)} < 0.2 THEN 1 ELSE 2 + (g % 5)::int END AS name) e
ON CONFLICT DO NOTHING
"""

# In the order of the index: written once from end to end instead of all over.
_KEYS = """
INSERT INTO members_eventkey (tenant_id, key)
SELECT {tenant}, md5('{tenant}-' || g)::uuid FROM generate_series(1::bigint, {events}) g ORDER BY 2
ON CONFLICT DO NOTHING
"""

_DAILY = """
INSERT INTO members_daily (tenant_id, member_id, name_id, day, count, amount_count, amount_sum, amount_min, amount_max,
                           first_at, last_at)
SELECT {tenant}, member_id, name_id, (occurred_at AT TIME ZONE '{zone}')::date, count(*), count(amount), sum(amount),
       min(amount), max(amount), min(occurred_at), max(occurred_at)
FROM members_event WHERE tenant_id = {tenant} GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
ON CONFLICT DO NOTHING
"""


_STATEMENTS = (
    ("members_member", _MEMBERS),
    ("members_identity", _IDENTITIES),
    ("members_consent", _CONSENTS),
    ("members_membertag", _TAGS),
    ("members_memberstate", _STATES),
    ("members_event", _EVENTS),
    ("members_eventkey", _KEYS),
    ("members_daily", _DAILY),
)


def prepare(*, members: int, events: int) -> tuple[Workspace, ...]:
    """Migrate `urm_bench` (the connections point at it already) and fill it unless it holds just these data."""
    call_command("migrate", database="owner", verbosity=0)
    making = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    wanted = {"members": members, "events": events, "making": making}
    found = _remembered()
    if found and {**found, "workspaces": None} == {**wanted, "workspaces": None}:
        return tuple(Workspace(*row) for row in found["workspaces"])
    started = time.perf_counter()
    say(f"making {members:,} members and {events:,} events in one workspace, two smaller ones (kept for the next time)")
    _empty()
    workspaces = tuple(_fill(*share, members=members, events=events) for share in SHARES)
    vacuum()
    for workspace in workspaces:
        drain(workspace.id)  # roll-ups and whatever else the apps make of a log
    vacuum()
    _remember({**wanted, "workspaces": [[one.id, one.slug, one.members, one.events] for one in workspaces]})
    say(f"made in {time.perf_counter() - started:.0f} s")
    return workspaces


def vacuum() -> None:
    """Visibility maps and statistics as autovacuum would have them after a while."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def _fill(slug: str, zone: str, share: float, *, members: int, events: int) -> Workspace:
    # After setup: models.
    from members.actions import create_tag  # noqa: PLC0415
    from members.consumers.log import start_cursors  # noqa: PLC0415
    from members.models import Cursor, EventName  # noqa: PLC0415
    from urm.tenancy.context import tenant_context  # noqa: PLC0415
    from urm.tenancy.models import Tenant  # noqa: PLC0415

    tenant = Tenant.objects.create(slug=slug, name=f"Bench {slug}", time_zone=zone)
    sizes = {"members": int(members * share), "events": int(events * share)}
    base = tenant.pk * 10_000_000
    now, started = datetime.now(UTC), time.perf_counter()
    with tenant_context(tenant.pk), connections["owner"].cursor() as owner:
        for name in ("vip", "newsletter", "complaint_open"):
            create_tag(name=name)
        EventName.objects.bulk_create([EventName(name=name) for name in NAMES])
        names = ", ".join(str(EventName.objects.get(name=name).pk) for name in NAMES)
        for table, statement in _STATEMENTS:
            for first in range(1, (sizes["events"] if statement is _EVENTS else 1) + 1, SLICE):
                terms: dict[str, Any] = {
                    "first": first,
                    "last": min(first + SLICE - 1, sizes["events"]),
                    **sizes,
                    "base": base,
                }
                terms |= {"tenant": tenant.pk, "names": names, "now": now, "zone": zone}
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("SET LOCAL work_mem = '256MB'")
                    cursor.execute(statement.format(**terms))
            say(f"{slug}: {table} after {time.perf_counter() - started:.0f} s")
            # Else checks of references into the table are planned as if it were empty: by reading all of it.
            owner.execute(f"ANALYZE {table}")
        start_cursors()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT received_at, id FROM members_event WHERE tenant_id = %s "
                "ORDER BY received_at DESC, id DESC LIMIT 1",
                [tenant.pk],
            )
            received_at, event_id = cursor.fetchone()
        Cursor.objects.update(received_at=received_at, event_id=event_id)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('members_member', 'id'), 900000000)")
    return Workspace(tenant.pk, slug, **sizes)


def _empty() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS bench CASCADE")
        cursor.execute(
            "SELECT string_agg(quote_ident(relname), ', ') FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition "
            "AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission') "
            "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')"
        )
        (tables,) = cursor.fetchone()
        cursor.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        for month in range(-MONTHS, 2):
            cursor.execute(
                "SELECT app.make_event_partition((date_trunc('month', now()) + %s * interval '1 month')::date)", [month]
            )


def _remembered() -> dict[str, Any] | None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        )
        (comment,) = cursor.fetchone()
    return json.loads(comment) if comment else None


def _remember(facts: dict[str, object]) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT format('COMMENT ON DATABASE %%I IS %%L', current_database(), %s)", [json.dumps(facts)])
        cursor.execute(cursor.fetchone()[0])
