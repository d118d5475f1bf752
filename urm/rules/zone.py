"""Local days as instants. A local day begins at the first instant that bears its date, whatever the clocks do."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

UTC = dt.UTC
MICROSECOND = dt.timedelta(microseconds=1)
EARLIEST = dt.datetime(1, 1, 2, tzinfo=UTC)
LATEST = dt.datetime(9999, 12, 30, tzinfo=UTC)


def local_date(instant: dt.datetime, time_zone: str) -> dt.date:
    return instant.astimezone(ZoneInfo(time_zone)).date()


@lru_cache(maxsize=4096)
def start_of(day: dt.date, time_zone: str) -> dt.datetime:
    """The first instant (UTC) of a local day; of a day that the zone skipped, the first of the next one."""
    if day <= EARLIEST.date():
        return EARLIEST
    if day >= LATEST.date():
        return LATEST
    zone = ZoneInfo(time_zone)
    guess = dt.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    if guess.astimezone(zone).date() >= day > (guess - MICROSECOND).astimezone(zone).date():
        return guess
    # Clocks jumped over midnight itself: find the jump.
    low, high = guess - dt.timedelta(days=2), guess + dt.timedelta(days=2)
    while high - low > MICROSECOND:
        middle = low + (high - low) // 2
        low, high = (low, middle) if middle.astimezone(zone).date() >= day else (middle, high)
    return high


def shifted(instant: dt.datetime, microseconds: int) -> dt.datetime:
    """The instant moved, held inside the years that both Python and PostgreSQL can say."""
    try:
        return min(max(instant + dt.timedelta(microseconds=microseconds), EARLIEST), LATEST)
    except OverflowError:
        return EARLIEST if microseconds < 0 else LATEST
