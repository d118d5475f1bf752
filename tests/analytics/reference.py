"""The judge of every figure: slow, obvious functions over Python lists of events, sharing no code with the product."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Happened:
    member: str
    name: str
    at: datetime
    amount: Decimal | None = None
    trusted: bool = True

    def day(self, zone: ZoneInfo) -> date:
        return self.at.astimezone(zone).date()

    def is_order(self) -> bool:
        return self.name == "purchase" and self.trusted and self.amount is not None


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def bounds(grain: str, day: date) -> tuple[date, date]:
    if grain == "day":
        return day, day + timedelta(days=1)
    if grain == "week":
        monday = day - timedelta(days=day.isoweekday() - 1)
        return monday, monday + timedelta(days=7)
    return first_of_month(day), next_month(day)


def active(events: Iterable[Happened], zone: ZoneInfo, start: date, end: date) -> set[str]:
    return {event.member for event in events if start <= event.day(zone) < end}


def buyers(events: Iterable[Happened], zone: ZoneInfo, start: date, end: date) -> dict[str, int]:
    orders: dict[str, int] = defaultdict(int)
    for event in events:
        if event.is_order() and start <= event.day(zone) < end:
            orders[event.member] += 1
    return dict(orders)


def revenue(events: Iterable[Happened], zone: ZoneInfo, start: date, end: date) -> Decimal:
    return sum(
        (event.amount or Decimal(0) for event in events if event.is_order() and start <= event.day(zone) < end),
        Decimal(0),
    )


def first_days(events: Iterable[Happened], zone: ZoneInfo, *, orders: bool) -> dict[str, date]:
    days: dict[str, date] = {}
    for event in events:
        if event.is_order() or not orders:
            day = event.day(zone)
            days[event.member] = min(day, days.get(event.member, day))
    return days


def totals(events: list[Happened], zone: ZoneInfo, grain: str, day: date) -> dict[str, object]:
    start, end = bounds(grain, day)
    bought = buyers(events, zone, start, end)
    before: set[str] = set()
    if grain != "day":
        earlier, _start = bounds(grain, start - timedelta(days=1))
        before = set(buyers(events, zone, earlier, start))
    return {
        "events": sum(1 for event in events if start <= event.day(zone) < end),
        "active": len(active(events, zone, start, end)),
        "orders": sum(bought.values()),
        "revenue": revenue(events, zone, start, end),
        "buyers": len(bought),
        "repeat_buyers": sum(1 for orders in bought.values() if orders >= 2),
        "returning_buyers": len(before & set(bought)),
        "new_members": sum(1 for day in first_days(events, zone, orders=False).values() if start <= day < end),
        "new_customers": sum(1 for day in first_days(events, zone, orders=True).values() if start <= day < end),
    }


def churn(events: list[Happened], zone: ZoneInfo, month: date, window: int, today: date) -> tuple[int, int, date]:
    """(active at the start, lost, measured on): recency is counted in local days, at the end of a day."""
    last_day = min(next_month(month), max(today, month)) - timedelta(days=1)

    def alive(on: date) -> set[str]:
        last: dict[str, date] = {}
        for event in events:
            if event.day(zone) <= on:
                last[event.member] = max(event.day(zone), last.get(event.member, event.day(zone)))
        return {member for member, day in last.items() if (on - day).days <= window}

    base = alive(month - timedelta(days=1))
    return len(base), len(base - alive(last_day)), last_day


def cohorts(events: list[Happened], zone: ZoneInfo) -> dict[tuple[date, date], tuple[int, int, Decimal]]:
    """(cohort, month) → (buyers, orders, revenue); cells without buyers are left out."""
    first = first_days(events, zone, orders=True)
    cells: dict[tuple[date, date], list[Happened]] = defaultdict(list)
    for event in events:
        if event.is_order():
            cells[first_of_month(first[event.member]), first_of_month(event.day(zone))].append(event)
    return {
        place: (
            len({event.member for event in inside}),
            len(inside),
            sum((event.amount or Decimal(0) for event in inside), Decimal(0)),
        )
        for place, inside in cells.items()
    }
