"""Windows over events: `[start, end)` as of a moment, and when by mere passing of time a window moves on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from urm.rules.zone import local_date, shifted, start_of

DAY_US = 86_400 * 1_000_000


class Calendar(StrEnum):
    TODAY = "today"
    YESTERDAY = "yesterday"
    THIS_WEEK = "this_week"
    LAST_WEEK = "last_week"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    THIS_QUARTER = "this_quarter"
    LAST_QUARTER = "last_quarter"
    THIS_YEAR = "this_year"
    LAST_YEAR = "last_year"


@dataclass(frozen=True, slots=True)
class Sliding:
    """From `days` before `as_of` until `until_days_ago` days before it; a day is 86,400 s."""

    days: int
    until_days_ago: int = 0


@dataclass(frozen=True, slots=True)
class Between:
    """From one fixed moment until another, cut at `as_of`."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True)
class InCalendar:
    """A calendar period in the workspace's time zone, cut at `as_of`."""

    period: Calendar


Window = Sliding | Between | InCalendar


@dataclass(frozen=True, slots=True)
class Span:
    """A window at one `as_of`. `start` is None for "for ever". An event inside leaves the window `leaves_after_us`
    after it happened; one not yet inside enters `enters_after_us` after it; at `turns_at` the whole window jumps."""

    start: dt.datetime | None
    end: dt.datetime
    leaves_after_us: int | None = None
    enters_after_us: int | None = None
    turns_at: dt.datetime | None = None


def span(window: Window | None, as_of: dt.datetime, time_zone: str) -> Span:
    if window is None:
        return Span(None, as_of)
    if isinstance(window, Sliding):
        return Span(
            shifted(as_of, -window.days * DAY_US),
            shifted(as_of, -window.until_days_ago * DAY_US),
            leaves_after_us=window.days * DAY_US,
            enters_after_us=window.until_days_ago * DAY_US or None,
        )
    if isinstance(window, Between):
        return Span(window.start, min(window.end, as_of))
    unit, back = _PERIODS[window.period]
    first = unit(local_date(as_of, time_zone), -back)
    after = unit(first, 1)
    return Span(
        start_of(first, time_zone),
        min(start_of(after, time_zone), as_of),
        turns_at=start_of(unit(local_date(as_of, time_zone), 1), time_zone),
    )


def _day(day: dt.date, steps: int) -> dt.date:
    return day + dt.timedelta(days=steps)


def _week(day: dt.date, steps: int) -> dt.date:
    return day - dt.timedelta(days=day.weekday()) + dt.timedelta(weeks=steps)


def _months(size: int) -> Callable[[dt.date, int], dt.date]:
    def start(day: dt.date, steps: int) -> dt.date:
        months = (day.year * 12 + day.month - 1) // size * size + steps * size
        return dt.date(months // 12, months % 12 + 1, 1)

    return start


_month, _quarter, _year = _months(1), _months(3), _months(12)
_PERIODS: dict[Calendar, tuple[Callable[[dt.date, int], dt.date], int]] = {
    Calendar.TODAY: (_day, 0),
    Calendar.YESTERDAY: (_day, 1),
    Calendar.THIS_WEEK: (_week, 0),
    Calendar.LAST_WEEK: (_week, 1),
    Calendar.THIS_MONTH: (_month, 0),
    Calendar.LAST_MONTH: (_month, 1),
    Calendar.THIS_QUARTER: (_quarter, 0),
    Calendar.LAST_QUARTER: (_quarter, 1),
    Calendar.THIS_YEAR: (_year, 0),
    Calendar.LAST_YEAR: (_year, 1),
}
