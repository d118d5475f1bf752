"""Key figures by local month, as docs and API define them; one query each."""

from __future__ import annotations

from datetime import date
from typing import Any

from deploy.demo.expected.base import Expected

_DAYS = """
WITH buying AS (
    SELECT household, (moment AT TIME ZONE '{zone}')::DATE AS day, cents FROM purchase
), acting AS (
    SELECT DISTINCT household, day FROM buying
    UNION SELECT DISTINCT household, (moment AT TIME ZONE '{zone}')::DATE FROM coupon
), month AS (
    SELECT unnest(generate_series(date_trunc('month', (SELECT min(day) FROM acting)), $today::DATE,
                                  INTERVAL 1 MONTH))::DATE AS first
), cohort AS (
    SELECT household, date_trunc('month', min(day))::DATE AS first FROM buying GROUP BY 1
)
"""

# Month → what is counted ÷ of how many (0: no share).
_MONTHLY = {
    "active_members": """
        SELECT first, count(DISTINCT household), 0 FROM month
        LEFT JOIN acting ON date_trunc('month', day) = first GROUP BY 1
        """,
    "repeat_purchase_rate": """
        SELECT first, count(*) FILTER (n >= 2), count(*) FILTER (n >= 1) FROM month LEFT JOIN (
            SELECT household, date_trunc('month', day) AS first, count(*) AS n FROM buying GROUP BY 1, 2
        ) USING (first) GROUP BY 1
        """,
    "clv": """
        SELECT m.first, sum(cents)::BIGINT, count(DISTINCT household) FROM month m
        JOIN buying ON day < m.first + INTERVAL 1 MONTH GROUP BY 1
        """,
    # Active at the start: some activity in the 90 days up to the day before. Lost: none in the 90 days up to the last.
    "churn": """
        SELECT first, count(*) FILTER (NOT still), count(*) FROM (
            SELECT first, household, bool_or(day < first) AS was, bool_or(day >= last - 90) AS still FROM (
                SELECT first, greatest(first, least(first + INTERVAL 1 MONTH, $today::DATE))::DATE - 1 AS last
                FROM month
            ) JOIN acting ON day >= first - 91 AND day <= last GROUP BY 1, 2
        ) WHERE was GROUP BY 1
        """,
}

_COHORTS = """
SELECT c.first, datediff('month', c.first, m.first), count(DISTINCT b.household)
FROM cohort c JOIN month m ON m.first >= c.first
LEFT JOIN buying b ON b.household = c.household AND date_trunc('month', b.day) = m.first GROUP BY 1, 2
"""


def monthly(expected: Expected, name: str, today: date) -> dict[str, tuple[int, int]]:
    """Month → numerator (cents, of money) and denominator."""
    rows = _rows(expected, _MONTHLY[name], today)
    return {first.isoformat(): (count, of) for first, count, of in rows}


def cohorts(expected: Expected, today: date) -> dict[tuple[str, int], int]:
    """(Month of the first purchase, months after) → how many of them bought."""
    return {(first.isoformat(), offset): count for first, offset, count in _rows(expected, _COHORTS, today)}


def _rows(expected: Expected, query: str, today: date) -> list[tuple[Any, ...]]:
    text = _DAYS.format(zone=expected.zone) + query
    return expected.rows(text, today=today)
