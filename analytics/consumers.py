"""Follows the log with a cursor of its own: which days of which members changed, and with them which roll-ups.

Days of members are taken from the daily counts, not added up from the log: reading an event twice changes nothing.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from analytics.actions import claim_cursor, rebuild_rollups, record_sizes, refresh_statistics, roll_up
from analytics.models import KpiSettings, RollupState, StaleDay
from analytics.queries.periods import local_today, workspace
from members.consumers.log import ABSORBER, BEGINNING
from members.events import EventRetracted, MemberMerged, MemberUnmerged
from members.models import Cursor
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant
from urm.tenancy.work import wake

BATCH = 20_000
NIGHT = time(2, 0)  # local; a night without two o'clock has it at three
MANY_DAYS = 5_000  # written at once are a backfill
SIZES_EVERY = timedelta(hours=1)

_MOVES = [MemberMerged.name, MemberUnmerged.name, EventRetracted.name]

_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS rollup_touched (member_id bigint, day date, active boolean) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS rollup_day (
    member_id bigint, day date, events integer, orders integer, revenue numeric, old_orders integer, old_revenue numeric
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS rollup_member (
    member_id bigint, first_seen_day date, first_active_day date, last_active_day date, first_order_day date,
    orders integer, revenue numeric, old_first_seen_day date, old_first_order_day date
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS rollup_anew (member_id bigint) ON COMMIT DELETE ROWS;
DELETE FROM rollup_touched; DELETE FROM rollup_day; DELETE FROM rollup_member; DELETE FROM rollup_anew;
"""

# Where a batch ends; nothing when the rest of the log is shorter than one.
_END = """
SELECT received_at, id FROM members_event
WHERE tenant_id = {tenant} AND received_at >= %(received_at)s AND received_at <= %(mark_at)s
  AND (received_at, id) > (%(received_at)s, %(event_id)s) AND (received_at, id) <= (%(mark_at)s, %(mark_id)s)
ORDER BY received_at, id OFFSET %(batch)s LIMIT 1
"""

_TOUCHED = """
INSERT INTO rollup_touched
SELECT DISTINCT coalesce(a.merged_into_id, e.member_id), (e.occurred_at AT TIME ZONE %(zone)s)::date, NOT n.platform
FROM members_event e JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = e.name_id
LEFT JOIN members_member a ON a.tenant_id = {tenant} AND a.id = e.member_id AND a.merged_into_id IS NOT NULL
WHERE e.tenant_id = {tenant} AND e.received_at >= %(received_at)s AND e.received_at <= %(end_at)s
  AND (e.received_at, e.id) > (%(received_at)s, %(event_id)s) AND (e.received_at, e.id) <= (%(end_at)s, %(end_id)s)
"""

# Members from whom days may have gone: to or from another member, or with a deleted event.
_ANEW = """
WITH told AS (
    SELECT e.member_id, (e.properties ->> 'other')::bigint AS other
    FROM members_event e JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = e.name_id
    WHERE e.tenant_id = {tenant} AND e.received_at >= %(received_at)s AND e.received_at <= %(end_at)s
      AND (e.received_at, e.id) > (%(received_at)s, %(event_id)s) AND (e.received_at, e.id) <= (%(end_at)s, %(end_id)s)
      AND n.name = ANY (%(moves)s)
), named AS (
    SELECT member_id FROM told UNION SELECT other FROM told WHERE other IS NOT NULL
)
INSERT INTO rollup_anew
SELECT member_id FROM named UNION SELECT m.merged_into_id FROM named
JOIN members_member m ON m.tenant_id = {tenant} AND m.id = named.member_id AND m.merged_into_id IS NOT NULL
"""

# They are forgotten, and all their days are touched: what follows then sees them for the first time.
_FORGET = (
    """
    INSERT INTO analytics_staleday (tenant_id, day) SELECT {tenant}, day FROM (
        SELECT d.day FROM analytics_memberday d JOIN rollup_anew USING (member_id) WHERE d.tenant_id = {tenant}
        UNION SELECT s.first_seen_day FROM analytics_membersummary s JOIN rollup_anew USING (member_id)
        WHERE s.tenant_id = {tenant}
    ) s ON CONFLICT DO NOTHING
    """,
    """
    DELETE FROM analytics_memberday d USING rollup_anew a WHERE d.tenant_id = {tenant} AND d.member_id = a.member_id
    """,
    """
    DELETE FROM analytics_membersummary s USING rollup_anew a
    WHERE s.tenant_id = {tenant} AND s.member_id = a.member_id
    """,
    """
    INSERT INTO rollup_touched
    SELECT DISTINCT d.member_id, d.day, true FROM members_daily d JOIN rollup_anew USING (member_id)
    JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id AND NOT n.platform
    WHERE d.tenant_id = {tenant}
    UNION SELECT m.id, (now() AT TIME ZONE %(zone)s)::date, false
    FROM members_member m JOIN rollup_anew a ON a.member_id = m.id
    WHERE m.tenant_id = {tenant} AND m.merged_into_id IS NULL
    """,
)

# One look-up by key for each day touched, whatever the planner believes (OFFSET 0 keeps it from joining otherwise).
_DAYS = """
INSERT INTO rollup_day
SELECT f.*, coalesce(o.orders, 0), coalesce(o.revenue, 0) FROM (
    SELECT d.member_id, d.day, sum(d.count),
           coalesce(sum(d.amount_count) FILTER (WHERE n.name = %(purchase)s), 0) AS orders,
           coalesce(sum(d.amount_sum) FILTER (WHERE n.name = %(purchase)s), 0) AS revenue
    FROM (SELECT DISTINCT member_id, day FROM rollup_touched WHERE active) t CROSS JOIN LATERAL (
        SELECT member_id, day, name_id, count, amount_count, amount_sum FROM members_daily
        WHERE tenant_id = {tenant} AND member_id = t.member_id AND day = t.day OFFSET 0
    ) d
    JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id AND NOT n.platform
    GROUP BY d.member_id, d.day
) f LEFT JOIN LATERAL (
    SELECT orders, revenue FROM analytics_memberday
    WHERE tenant_id = {tenant} AND day = f.day AND member_id = f.member_id OFFSET 0
) o ON true
"""

_MEMBERS = """
INSERT INTO rollup_member
SELECT m.id, (m.first_seen_at AT TIME ZONE %(zone)s)::date, least(s.first_active_day, d.first_active_day),
       greatest(s.last_active_day, d.last_active_day), least(s.first_order_day, d.first_order_day),
       coalesce(s.orders, 0) + coalesce(d.orders, 0), coalesce(s.revenue, 0) + coalesce(d.revenue, 0),
       s.first_seen_day, s.first_order_day
FROM (SELECT DISTINCT member_id FROM rollup_touched) t
JOIN members_member m ON m.tenant_id = {tenant} AND m.id = t.member_id AND m.merged_into_id IS NULL
LEFT JOIN analytics_membersummary s ON s.tenant_id = {tenant} AND s.member_id = m.id
LEFT JOIN (
    SELECT member_id, min(day) AS first_active_day, max(day) AS last_active_day,
           min(day) FILTER (WHERE orders > 0) AS first_order_day, sum(orders - old_orders) AS orders,
           sum(revenue - old_revenue) AS revenue
    FROM rollup_day GROUP BY member_id
) d ON d.member_id = m.id
"""

# A member whose first order turns out to lie in an earlier month takes all later orders along into another cohort.
_STALE = """
INSERT INTO analytics_staleday (tenant_id, day)
SELECT {tenant}, day FROM (
    SELECT day FROM rollup_day
    UNION SELECT first_seen_day FROM rollup_member WHERE first_seen_day IS DISTINCT FROM old_first_seen_day
    UNION SELECT old_first_seen_day FROM rollup_member WHERE first_seen_day <> old_first_seen_day
    UNION SELECT old_first_order_day FROM rollup_member WHERE first_order_day <> old_first_order_day
    UNION SELECT d.day FROM rollup_member m
        JOIN members_daily d ON d.tenant_id = {tenant} AND d.member_id = m.member_id AND d.amount_count > 0
        JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id AND n.name = %(purchase)s
        WHERE date_trunc('month', m.first_order_day) <> date_trunc('month', m.old_first_order_day)
) stale ON CONFLICT DO NOTHING
"""

_STORE_DAYS = """
INSERT INTO analytics_memberday (tenant_id, day, member_id, events, orders, revenue)
SELECT {tenant}, day, member_id, events, orders, revenue FROM rollup_day
ON CONFLICT (tenant_id, day, member_id)
DO UPDATE SET events = excluded.events, orders = excluded.orders, revenue = excluded.revenue
"""

_STORE_MEMBERS = """
INSERT INTO analytics_membersummary (tenant_id, member_id, first_seen_day, first_active_day, last_active_day,
                                     first_order_day, cohort, orders, revenue)
SELECT {tenant}, member_id, first_seen_day, first_active_day, last_active_day, first_order_day,
       date_trunc('month', first_order_day)::date, orders, revenue
FROM rollup_member
ON CONFLICT (tenant_id, member_id) DO UPDATE SET
    first_seen_day = excluded.first_seen_day, first_active_day = excluded.first_active_day,
    last_active_day = excluded.last_active_day, first_order_day = excluded.first_order_day,
    cohort = excluded.cohort, orders = excluded.orders, revenue = excluded.revenue
"""


def keep_rollups(*, batch: int = BATCH, now: datetime | None = None) -> bool:
    """One bounded step for the current tenant: rebuild if asked, else read the log on, else roll up what changed.

    True while there may be more to do. At the end it sets the alarm for the next night.
    """
    tenant = workspace()
    now = now or timezone.now()
    with transaction.atomic():
        cursor = claim_cursor()
        if cursor is None:  # another worker is at it
            return False
        state = RollupState.objects.first() or RollupState.objects.create()
        mark = Cursor.objects.filter(consumer=ABSORBER).first()
        behind = mark is not None and (mark.received_at, mark.event_id) > (cursor.received_at, cursor.event_id)
        if _needs_rebuild(state, tenant) or (behind and cursor.received_at == BEGINNING):
            rebuild_rollups(cursor=cursor, today=local_today(tenant, now))
            # Unless it was asked for once more meanwhile.
            RollupState.objects.filter(rebuild_requested_at=state.rebuild_requested_at).update(
                rebuild_requested_at=None
            )
            return True
        if mark is not None and behind:
            _follow_log(cursor, mark, tenant, batch)
            return True
        _roll_up_stale(state, tenant, now)
    wake("rollups", next_night(tenant, now))
    return False


def next_night(tenant: Tenant, now: datetime) -> datetime:
    local = now.astimezone(tenant.zone)
    day = local.date() if local.time() < NIGHT else local.date() + timedelta(days=1)
    return datetime.combine(day, NIGHT, tenant.zone).astimezone(UTC)


def _needs_rebuild(state: RollupState, tenant: Tenant) -> bool:
    return state.rebuild_requested_at is not None or state.time_zone not in ("", tenant.time_zone)


def _follow_log(cursor: Cursor, mark: Cursor, tenant: Tenant, batch: int) -> None:
    """Take one batch of the log into the days and summaries of members, and note the days to roll up again."""
    place = {
        "received_at": cursor.received_at,
        "event_id": cursor.event_id,
        "mark_at": mark.received_at,
        "mark_id": mark.event_id,
        "batch": batch - 1,
    }
    settings = {"zone": tenant.time_zone, "purchase": KpiSettings.current().purchase_event}
    with connection.cursor() as db:
        _execute(db, _END, place)
        end = db.fetchone() or (mark.received_at, mark.event_id)
        db.execute(_TEMPORARY)
        stretch = {**place, **settings, "end_at": end[0], "end_id": end[1], "moves": _MOVES}
        _execute(db, _TOUCHED, stretch)
        _execute(db, _ANEW, stretch)
        if db.rowcount:
            for statement in _FORGET:
                _execute(db, statement, settings)
        db.execute("ANALYZE rollup_touched")
        for statement in (_DAYS, _MEMBERS, _STALE, _STORE_DAYS, _STORE_MEMBERS):
            _execute(db, statement, settings)
        db.execute("SELECT count(*) FROM rollup_day")
        (changed,) = db.fetchone()
    if changed >= MANY_DAYS:
        refresh_statistics()
    cursor.received_at, cursor.event_id = end
    cursor.save(update_fields=["received_at", "event_id"])


def _roll_up_stale(state: RollupState, tenant: Tenant, now: datetime) -> None:
    """Roll up the days that changed and, once a night, the months that time alone has changed."""
    today = local_today(tenant, now)
    stale = set(StaleDay.objects.values_list("day", flat=True))
    by_night = state.night != today and now.astimezone(tenant.zone).time() >= NIGHT
    days = stale | (_days_since(state.night, today) if by_night else set())
    if not days and state.time_zone == tenant.time_zone:
        return
    if days:
        roll_up(days=days, today=today)
        StaleDay.objects.filter(day__in=stale).delete()
        state.rolled_at = now
    if by_night or (days and (state.sized_at is None or now - state.sized_at >= SIZES_EVERY)):
        record_sizes(day=today)
        state.sized_at = now
    if by_night:
        state.night = today
    state.time_zone = tenant.time_zone
    state.save(update_fields=["time_zone", "rolled_at", "sized_at", "night"])  # not what others write: the request


def _days_since(night: date | None, today: date) -> set[date]:
    """Days whose months must be looked at although nothing happened: each since the last night, today included."""
    first = night or today - timedelta(days=1)
    return {first + timedelta(days=n) for n in range((today - first).days + 1)}


def _execute(db: CursorWrapper, statement: str, parameters: Mapping[str, Any]) -> None:
    db.execute(statement.format(tenant=require_tenant()), parameters)
