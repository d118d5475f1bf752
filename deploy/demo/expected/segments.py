"""Who is in which segment and stage and has which tag, at one moment; one query each."""

from __future__ import annotations

from datetime import datetime

from deploy.demo.expected.base import Expected

# Of every household: what it bought in the 365 days before $at, and its first and last purchase before $at.
_KNOWN = """
WITH bought AS (
    SELECT household AS id, min(moment) AS first, max(moment) AS last, count(*) AS n,
           count(*) FILTER (moment >= $at - INTERVAL 8760 HOUR) AS n365,
           coalesce(sum(cents) FILTER (moment >= $at - INTERVAL 8760 HOUR), 0) AS cents365,
           count(*) FILTER (moment >= $at - INTERVAL 2160 HOUR) AS n90,
           count(*) FILTER (moment >= $at - INTERVAL 720 HOUR) AS n30,
           count(*) FILTER (moment >= $at - INTERVAL 2880 HOUR AND moment < $at - INTERVAL 720 HOUR) AS n120until30,
           count(DISTINCT (moment AT TIME ZONE '{zone}')::DATE) AS days,
           count(DISTINCT (moment AT TIME ZONE '{zone}')::DATE) FILTER (moment >= $at - INTERVAL 8760 HOUR) AS days365
    FROM purchase WHERE moment < $at GROUP BY 1
), known AS (
    SELECT bought.*, least(first, c.moment) AS seen FROM bought
    LEFT JOIN (SELECT household AS id, min(moment) AS moment FROM coupon GROUP BY 1) c USING (id)
)
"""

SEGMENTS = {
    "champions": "SELECT id FROM known WHERE last >= $at - INTERVAL 336 HOUR AND n365 >= 80 AND cents365 >= 250000",
    "lapsing": "SELECT id FROM known WHERE cents365 >= 50000 AND last < $at - INTERVAL 1080 HOUR",
    "families": "SELECT household_id FROM demographic WHERE kids_count IN ('1', '2', '3+') AND $at > '2000-01-01'",
    "coupons": "SELECT household FROM coupon WHERE moment >= $at - INTERVAL 8760 HOUR AND moment < $at "
    "GROUP BY 1 HAVING count(*) >= 3",
    "new": "SELECT id FROM known WHERE seen >= $at - INTERVAL 1440 HOUR",
    "quiet": "SELECT id FROM known WHERE last < $at - INTERVAL 1080 HOUR",
}
TAGS = {
    "frequent": "SELECT id FROM known WHERE n90 >= 15",
    "big basket": "SELECT id FROM known WHERE n365 > 0 AND cents365 >= 5000 * n365",
    "homeowner": "SELECT household_id FROM demographic WHERE home_ownership = 'Homeowner' AND $at > '2000-01-01'",
}

_STAGES = """
SELECT id, CASE
    WHEN last < $at - INTERVAL 4320 HOUR THEN 'lost'
    WHEN last < $at - INTERVAL 2160 HOUR THEN 'at_risk'
    WHEN n30 >= 1 AND n120until30 = 0 AND first < $at - INTERVAL 2880 HOUR THEN 'won_back'
    WHEN days365 >= 6 THEN 'loyalty'
    WHEN days >= 2 THEN 'retention'
    ELSE 'conversion' END
FROM known
"""


def segment(expected: Expected, name: str, at: datetime) -> set[str]:
    return expected.ids(_KNOWN.format(zone=expected.zone) + SEGMENTS[name], at=at)


def tag(expected: Expected, name: str, at: datetime) -> set[str]:
    return expected.ids(_KNOWN.format(zone=expected.zone) + TAGS[name], at=at)


def stages(expected: Expected, at: datetime) -> dict[str, str]:
    """Everybody bought something, so that nobody is a prospect."""
    found = expected.rows(_KNOWN.format(zone=expected.zone) + _STAGES, at=at)
    return {str(household): key for household, key in found}
