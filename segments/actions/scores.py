"""Scores of members, worked out each night by one set-based statement per score; formulas in docs/definitions.md.

A score is stored only where there is enough to say something. Each row tells how it came about in both languages.
Whoever's value or reasons changed is marked: rules that ask for scores are then asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from segments.models import ScoreRun
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant
from urm.tenancy.work import wake_after_commit

NIGHT = time(2, 30)  # local
PURCHASE = "purchase"
# What passing on is worth, by event name.
PASSED_ON: Mapping[str, int] = {"share": 1, "review": 2, "referral": 5}
TOPICS = ("category", "topic")  # properties of events that name what they are about


@dataclass(frozen=True)
class Formula:
    """`fresh` is a SELECT of (member_id, value, en, zh): one row per member, reasons as arrays of text."""

    name: str
    definition: str | Promise
    fresh: str
    suggested: float  # a threshold to begin with
    up_to: float = 100


_OWN = "members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id AND NOT n.platform"

_ACTIVITY = f"""
SELECT member_id, round((100 * (1 - exp(-sum(power(0.5, (%(today)s::date - day) / 30.0)) / 4)))::numeric, 1),
       ARRAY[format('active on %%s of the last 90 days, last on %%s', count(*), max(day))],
       ARRAY[format('最近 90 天中有 %%s 天活跃，最近一次 %%s', count(*), max(day))]
FROM (SELECT DISTINCT d.member_id, d.day FROM members_daily d JOIN {_OWN}
      WHERE d.tenant_id = {{tenant}} AND d.day > %(today)s::date - 90 AND d.day <= %(today)s::date) active
GROUP BY 1
"""

_INFLUENCE = """
SELECT d.member_id, round((100 * (1 - exp(-sum(d.count * w.worth) / 10.0)))::numeric, 1),
       ARRAY[format('in the last 365 days: %%s', string_agg(DISTINCT x.en, ', '))],
       ARRAY[format('最近 365 天：%%s', string_agg(DISTINCT x.en, '，'))]
FROM members_daily d JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id
JOIN unnest(%(names)s::text[], %(worths)s::int[]) w (name, worth) ON w.name = n.name
JOIN LATERAL (
    SELECT format('%%s × %%s', w.name, sum(o.count)) AS en FROM members_daily o
    WHERE o.tenant_id = {tenant} AND o.member_id = d.member_id AND o.name_id = d.name_id
      AND o.day > %(today)s::date - 365 AND o.day <= %(today)s::date
) x ON true
WHERE d.tenant_id = {tenant} AND d.day > %(today)s::date - 365 AND d.day <= %(today)s::date
GROUP BY 1
"""

# Drawn towards the share of the whole workspace, as if two purchases of the average kind were added.
_PRICE = """
WITH bought AS (
    SELECT e.member_id, count(*) AS n, count(*) FILTER (WHERE coalesce(e.properties ->> 'coupon', '') <> ''
        OR CASE WHEN jsonb_typeof(e.properties -> 'discount') = 'number' THEN (e.properties ->> 'discount')::numeric > 0
           ELSE false END) AS cheaper
    FROM members_event e
    JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = e.name_id AND n.name = %(purchase)s
    WHERE e.tenant_id = {tenant} AND e.occurred_at > %(now)s - interval '365 days' AND e.occurred_at <= %(now)s
    GROUP BY 1
), everybody AS (SELECT sum(cheaper) AS cheaper, sum(n) AS n FROM bought)
SELECT b.member_id, round(100 * (b.cheaper + 2 * a.cheaper / a.n) / (b.n + 2), 1),
       ARRAY[format('%%s of %%s purchases in the last 365 days with a discount or coupon', b.cheaper, b.n)],
       ARRAY[format('最近 365 天 %%s/%%s 次购买使用折扣或优惠券', b.cheaper, b.n)]
FROM bought b CROSS JOIN everybody a WHERE b.n >= 2 AND a.cheaper > 0
"""

_HOUR = """
WITH counted AS (
    SELECT e.member_id, extract(hour FROM e.occurred_at AT TIME ZONE %(zone)s)::int AS hour, count(*) AS n
    FROM members_event e JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = e.name_id AND NOT n.platform
    WHERE e.tenant_id = {tenant} AND e.occurred_at > %(now)s - interval '180 days' AND e.occurred_at <= %(now)s
    GROUP BY 1, 2
)
SELECT DISTINCT ON (member_id) member_id, hour,
       ARRAY[format('%%s of %%s events of the last 180 days between %%s:00 and %%s:59', n, total, hour, hour)],
       ARRAY[format('最近 180 天 %%s/%%s 个行为发生在 %%s:00–%%s:59', n, total, hour, hour)]
FROM (SELECT *, sum(n) OVER (PARTITION BY member_id) AS total FROM counted) c
WHERE total >= 5 ORDER BY member_id, n DESC, hour
"""

_CHANNEL = """
WITH answered AS (
    SELECT e.member_id, e.properties ->> 'channel' AS channel,
           count(*) FILTER (WHERE n.name = 'urm.message.opened') AS opened,
           count(*) FILTER (WHERE n.name = 'urm.message.clicked') AS clicked
    FROM members_event e JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = e.name_id
    WHERE e.tenant_id = {tenant} AND n.name IN ('urm.message.opened', 'urm.message.clicked')
      AND e.properties -> 'machine' IS DISTINCT FROM 'true'::jsonb
      AND e.occurred_at > %(now)s - interval '180 days' AND e.occurred_at <= %(now)s
    GROUP BY 1, 2
), weighed AS (
    SELECT *, opened + 3 * clicked AS weight, sum(opened + 3 * clicked) OVER (PARTITION BY member_id) AS total
    FROM answered
)
SELECT member_id, round(100.0 * weight / total, 1),
       ARRAY[format('%%s opened and %%s clicked in the last 180 days', opened, clicked)],
       ARRAY[format('最近 180 天打开 %%s 次、点击 %%s 次', opened, clicked)]
FROM weighed WHERE channel = '{channel}' AND total >= 3
"""

# A topic counts 3 for a purchase, 2 for a click in a message, 1 for anything else.
_INTERESTS = """
WITH weighed AS (
    SELECT e.member_id, left(t.topic, 60) AS topic,
           sum(CASE n.name WHEN %(purchase)s THEN 3 WHEN 'urm.message.clicked' THEN 2 ELSE 1 END) AS weight
    FROM members_event e JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = e.name_id
    CROSS JOIN LATERAL (SELECT e.properties ->> p AS topic FROM unnest(%(topics)s::text[]) p
                        WHERE jsonb_typeof(e.properties -> p) = 'string') t
    WHERE e.tenant_id = {tenant} AND e.occurred_at > %(now)s - interval '180 days' AND e.occurred_at <= %(now)s
      AND t.topic <> ''
    GROUP BY 1, 2
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY member_id ORDER BY weight DESC, topic) AS place,
           100 * weight / sum(weight) OVER (PARTITION BY member_id) AS share FROM weighed
)
SELECT member_id, count(*) FILTER (WHERE weight >= 3),
       array_agg(format('%%s: %%s %%%%', topic, round(share)) ORDER BY place) FILTER (WHERE place <= 5),
       array_agg(format('%%s：%%s%%%%', topic, round(share)) ORDER BY place) FILTER (WHERE place <= 5)
FROM placed GROUP BY 1
"""

_DEFINITIONS: Mapping[str, str | Promise] = {
    "activity": _(
        "100 · (1 − e^(−a/4)); a is the number of days in the last 90 with at least one event of their own, a day "
        "counting half for every 30 days that it lies back."
    ),
    "influence": _(
        "100 · (1 − e^(−i/10)); i = shares + 2 · reviews + 5 · referrals of the last 365 days, by the events “share”, "
        "“review” and “referral”."
    ),
    "price_sensitivity": _(
        "100 · (d + 2p) ÷ (n + 2); n purchases of the last 365 days, d of them with a discount above 0 or a coupon, p "
        "is the share of such purchases in the whole workspace. Not for fewer than 2 purchases."
    ),
    "channel": _(
        "Share in percent of this channel in what they opened (1) and clicked (3) in the last 180 days; opens by "
        "machines do not count. Not below a weight of 3."
    ),
    "preferred_hour": _(
        "The hour of the workspace's local day, 0 to 23, with most of their events in the last 180 days; the earlier "
        "one of equals. Not for fewer than 5 events."
    ),
    "interests": _(
        "How many topics reach a weight of 3 in the last 180 days: a topic is an event's “category” or “topic”; a "
        "purchase weighs 3, a click in a message 2, anything else 1."
    ),
}
FORMULAS: tuple[Formula, ...] = (
    Formula("activity", _DEFINITIONS["activity"], _ACTIVITY, 60),
    Formula("influence", _DEFINITIONS["influence"], _INFLUENCE, 40),
    Formula("price_sensitivity", _DEFINITIONS["price_sensitivity"], _PRICE, 60),
    *(
        Formula(f"channel_{channel}", _DEFINITIONS["channel"], _CHANNEL.replace("{channel}", channel), 60)
        for channel in ("email", "sms", "push")
    ),
    Formula("preferred_hour", _DEFINITIONS["preferred_hour"], _HOUR, 18, 23),
    Formula("interests", _DEFINITIONS["interests"], _INTERESTS, 3, 20),
)

_STORE = """
WITH gone AS (
    DELETE FROM segments_score s WHERE s.tenant_id = {tenant} AND s.name = %(name)s
      AND NOT EXISTS (SELECT FROM score_fresh f WHERE f.member_id = s.member_id) RETURNING s.member_id
), stored AS (
    INSERT INTO segments_score AS s (tenant_id, member_id, name, value, computed_at, explanation)
    SELECT {tenant}, f.member_id, %(name)s, f.value, %(now)s, f.explanation FROM score_fresh f
    ON CONFLICT (tenant_id, name, member_id) DO UPDATE
        SET value = excluded.value, computed_at = excluded.computed_at, explanation = excluded.explanation
        WHERE (s.value, s.explanation) IS DISTINCT FROM (excluded.value, excluded.explanation)
    RETURNING s.member_id
)
INSERT INTO members_dirtymember (tenant_id, member_id, marked_at)
SELECT {tenant}, member_id, now() FROM (SELECT member_id FROM gone UNION SELECT member_id FROM stored) m
ORDER BY member_id
ON CONFLICT (tenant_id, member_id) DO UPDATE SET marked_at = excluded.marked_at
"""


def compute_scores(*, now: datetime | None = None) -> int:
    """Work out all scores of the workspace; returns how many rows of members were marked because one changed."""
    now = now or timezone.now()
    tenant = Tenant.objects.get(pk=require_tenant())
    today = now.astimezone(tenant.zone).date()
    given: dict[str, Any] = {
        "now": now,
        "today": today,
        "zone": tenant.time_zone,
        "purchase": PURCHASE,
        "names": list(PASSED_ON),
        "worths": list(PASSED_ON.values()),
        "topics": list(TOPICS),
    }
    changed = 0
    for formula in FORMULAS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS score_fresh")
            cursor.execute(_fresh(formula), given)
            cursor.execute(_STORE.format(tenant=require_tenant()), {"name": formula.name, "now": now})
            changed += cursor.rowcount
    with transaction.atomic():
        ScoreRun.objects.update_or_create(defaults={"day": today, "computed_at": now, "stale": False})
        if changed:
            wake_after_commit("stream")
    return changed


def request_scores() -> None:
    """Have all scores worked out soon, in the background."""
    with transaction.atomic():
        ScoreRun.objects.update(stale=True)
        wake_after_commit("scores")


def scores_are_due(*, now: datetime | None = None) -> bool:
    """Once in a local night, and when asked for."""
    now = now or timezone.now()
    run = ScoreRun.objects.first()
    if run is None or run.stale:
        return True
    local = now.astimezone(Tenant.objects.get(pk=require_tenant()).zone)
    return run.day < local.date() and local.time() >= NIGHT


def _fresh(formula: Formula) -> str:
    """Only live members; reasons as the Score's explanation keeps them."""
    tenant = require_tenant()
    return (
        "CREATE TEMP TABLE score_fresh ON COMMIT DROP AS SELECT f.member_id, f.value, jsonb_build_object('reasons',"
        " (SELECT jsonb_agg(jsonb_build_object('en', r.en, 'zh-hans', r.zh) ORDER BY r.place)"
        " FROM unnest(f.en, f.zh) WITH ORDINALITY r (en, zh, place))) AS explanation"
        f" FROM ({formula.fresh.format(tenant=tenant)}) f (member_id, value, en, zh)"
        f" JOIN members_member m ON m.tenant_id = {tenant} AND m.id = f.member_id"
        " WHERE m.merged_into_id IS NULL AND m.erased_at IS NULL"
    )
