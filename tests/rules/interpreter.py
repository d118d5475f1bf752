"""The judge: the rule language as one plain recursive function over lists of events. Slow, obvious, and sharing no code
with the platform; it reads the JSON itself."""

import datetime as dt
import hashlib
import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

DAY = dt.timedelta(days=1)


@dataclass
class Happening:
    name: str
    at: dt.datetime
    amount: Any = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class Person:
    profile: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    tags: dict[str, dt.datetime] = field(default_factory=dict)
    events: list[Happening] = field(default_factory=list)
    consents: dict[tuple[str, str], bool] = field(default_factory=dict)
    suppressed: set[tuple[str, str]] = field(default_factory=set)
    scores: dict[str, Any] = field(default_factory=dict)
    pk: int = 0
    everybody: list["Person"] = field(default_factory=list)


def holds(rule: dict[str, Any], person: Person, as_of: dt.datetime, zone: str) -> bool:
    if "all" in rule:
        return all(holds(part, person, as_of, zone) for part in rule["all"])
    if "any" in rule:
        return any(holds(part, person, as_of, zone) for part in rule["any"])
    if "not" in rule:
        return not holds(rule["not"], person, as_of, zone)
    return met(rule, value_of(rule, person, as_of, zone), as_of, zone)


def value_of(leaf: dict[str, Any], person: Person, as_of: dt.datetime, zone: str) -> Any:
    """None is missing; a date-time that JSON holds as text is already one."""
    match leaf["fact"]:
        case "profile" if leaf["name"] == "last_seen_at":
            return max((event.at for event in person.events if not event.name.startswith("urm.")), default=None)
        case "profile":
            return person.profile.get(leaf["name"])
        case "attribute":
            return typed(person.attributes.get(leaf["name"]), person.types[leaf["name"]], zone)
        case "tag":
            return person.tags.get(leaf["name"]) if "what" in leaf else leaf["name"] in person.tags
        case "consent":
            return person.consents.get((leaf["channel"], leaf["purpose"]))
        case "reachable":
            address: Any = person.profile.get({"email": "email", "sms": "phone", "push": "-"}[leaf["channel"]])
            allowed = person.consents.get((leaf["channel"], leaf.get("purpose", "marketing"))) is True
            return bool(address) and allowed and (leaf["channel"], address.lower()) not in person.suppressed
        case "event":
            return measured(leaf, inside(leaf, person, as_of, zone), as_of, zone)
        case "score":
            return person.scores.get(leaf["name"])
        case "sample":
            digest = hashlib.sha256(f"{leaf['salt']}:{person.pk}".encode()).digest()
            return int.from_bytes(digest[:8], "big") % 10_000 < Fraction(str(leaf["percent"])) * 100
        case "rank":
            value = part_in(leaf, person, as_of, zone)
            return value is not None and value >= threshold(leaf, person.everybody, as_of, zone)
        case "sequence":
            past = sorted((event for event in person.events if event.at < as_of), key=lambda event: event.at)
            return any(follows(leaf, past, [event], as_of, zone) for event in past if is_step(leaf["steps"][0], event))
    raise AssertionError(leaf)


def is_step(step: dict[str, Any], event: Happening) -> bool:
    return event.name in (step["name"] if isinstance(step["name"], list) else [step["name"]])


def follows(leaf: dict[str, Any], past: list[Happening], way: list[Happening], as_of: dt.datetime, zone: str) -> bool:
    """Whether the way so far, whose last event still has to pass its step's `where`, can be gone to the end."""
    step = leaf["steps"][len(way) - 1]
    if not true_of("where" not in step or step["where"], way[-1], as_of, zone):
        return False
    if len(way) < len(leaf["steps"]):
        later = [event for event in past if event.at > way[-1].at and is_step(leaf["steps"][len(way)], event)]
        return any(follows(leaf, past, [*way, event], as_of, zone) for event in later)
    first, last = way[0].at, way[-1].at
    if "within_days" in leaf and last - first > leaf["within_days"] * DAY:
        return False
    without = leaf.get("without")
    return without is None or not any(
        first < event.at < last
        and is_step(without, event)
        and true_of("where" not in without or without["where"], event, as_of, zone)
        for event in past
    )


def part_in(leaf: dict[str, Any], person: Person, as_of: dt.datetime, zone: str) -> Any:
    """What is ranked, rounded as a threshold is; None for those who take no part."""
    events = inside(leaf, person, as_of, zone)
    value = measured(leaf, events, as_of, zone) if events else None
    return None if value is None else Fraction(math.floor(value * 10**6), 10**6)


def threshold(leaf: dict[str, Any], everybody: list[Person], as_of: dt.datetime, zone: str) -> Any:
    values = [part_in(leaf, person, as_of, zone) for person in everybody]
    ranked = sorted((value for value in values if value is not None), reverse=True)
    return ranked[math.ceil(len(ranked) * Fraction(str(leaf["top_percent"])) / 100) - 1]


def inside(leaf: dict[str, Any], person: Person, as_of: dt.datetime, zone: str) -> list[Happening]:
    start, end = bounds(leaf.get("window"), as_of, zone)
    return between(leaf, person, start, min(end, as_of), as_of, zone)


def between(
    leaf: dict[str, Any], person: Person, start: dt.datetime | None, end: dt.datetime, as_of: dt.datetime, zone: str
) -> list[Happening]:
    names = leaf["name"] if isinstance(leaf["name"], list) else [leaf["name"]]
    return [
        event
        for event in person.events
        if event.name in names
        and (start is None or event.at >= start)
        and event.at < end
        and true_of("where" not in leaf or leaf["where"], event, as_of, zone)
    ]


def true_of(where: Any, event: Happening, as_of: dt.datetime, zone: str) -> bool:
    if where is True:
        return True
    if "all" in where:
        return all(true_of(part, event, as_of, zone) for part in where["all"])
    if "any" in where:
        return any(true_of(part, event, as_of, zone) for part in where["any"])
    if "not" in where:
        return not true_of(where["not"], event, as_of, zone)
    raw = event.amount if where["prop"] == "amount" else event.properties.get(where["prop"])
    kind = "any" if where["op"] in ("is_set", "is_missing") else asked_type(where)
    return met(where, typed(raw, kind, zone), as_of, zone)


def asked_type(leaf: dict[str, Any]) -> str:
    op = leaf["op"]
    value: Any = leaf.get("value")
    if op in ("is_true", "is_false"):
        return "boolean"
    if op.startswith("has") or op == "is_empty":
        return "list"
    if op in ("lt", "lte", "gt", "gte"):
        return "number"
    if op == "between":
        return "datetime" if isinstance(value[0], str) else "number"
    if op in ("eq", "ne"):
        return "text" if isinstance(value, str) else "number"
    if op in ("in", "not_in", "contains", "not_contains", "starts_with", "ends_with", "matches"):
        return "text"
    return "datetime"


def typed(raw: Any, kind: str, zone: str) -> Any:
    if kind == "any":
        return raw
    if kind == "number":
        return raw if isinstance(raw, int | float | Fraction) and not isinstance(raw, bool) else None
    if kind == "boolean":
        return raw if isinstance(raw, bool) else None
    if kind == "list":
        return raw if isinstance(raw, list) else None
    if not isinstance(raw, str):
        return None
    if kind == "date":
        return dt.date.fromisoformat(raw)
    if kind == "datetime":
        try:
            return midnight(dt.date.fromisoformat(raw), zone) if len(raw) == 10 else moment(raw)
        except ValueError:
            return None
    return raw


def measured(leaf: dict[str, Any], events: list[Happening], as_of: dt.datetime, zone: str) -> Any:
    measure, _, prop = leaf["measure"].partition(":")
    times = [event.at for event in events]
    raws = [event.amount if prop == "amount" else event.properties.get(prop) for event in events]
    numbers = [Fraction(str(raw)) for raw in raws if typed(raw, "number", zone) is not None]
    match measure:
        case "count":
            return len(events)
        case "days":
            return len({at.astimezone(ZoneInfo(zone)).date() for at in times})
        case "distinct":
            single = [raw for raw in raws if isinstance(raw, str | bool | int | float | Fraction)]
            return len({(isinstance(raw, bool), isinstance(raw, str), raw) for raw in single})
        case "sum":
            return sum(numbers)
        case "avg":
            return sum(numbers) / len(numbers) if numbers else None
        case "min":
            return min(numbers, default=None)
        case "max":
            return max(numbers, default=None)
        case "first":
            return min(times, default=None)
        case "last":
            return max(times, default=None)
        case "days_since_last":
            return Fraction((as_of - max(times)) // dt.timedelta(microseconds=1), 86_400_000_000) if times else None
    raise AssertionError(measure)


def bounds(window: Any, as_of: dt.datetime, zone: str) -> tuple[dt.datetime | None, dt.datetime]:
    if window is None:
        return None, as_of
    if "days" in window:
        return as_of - window["days"] * DAY, as_of - window.get("until_days_ago", 0) * DAY
    if "from" in window:
        return instant(window["from"], zone), instant(window["to"], zone)
    today = as_of.astimezone(ZoneInfo(zone)).date()
    word = window["calendar"]
    last = word.startswith("last") or word == "yesterday"
    if word in ("today", "yesterday"):
        first = today - DAY if last else today
        after = first + DAY
    elif word.endswith("week"):
        first = today - today.weekday() * DAY - (7 * DAY if last else 0 * DAY)
        after = first + 7 * DAY
    else:
        size = {"month": 1, "quarter": 3, "year": 12}[word.split("_")[1]]
        number = (today.year * 12 + today.month - 1) // size - (1 if last else 0)
        first = dt.date(number * size // 12, number * size % 12 + 1, 1)
        after = dt.date((number + 1) * size // 12, (number + 1) * size % 12 + 1, 1)
    return midnight(first, zone), midnight(after, zone)


def midnight(day: dt.date, zone: str) -> dt.datetime:
    """The first instant of a local day, found by looking."""
    at = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) - DAY
    while at.astimezone(ZoneInfo(zone)).date() < day:
        at += dt.timedelta(minutes=15)
    return at


def moment(text: str) -> dt.datetime:
    at = dt.datetime.fromisoformat(text)
    return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at


def instant(text: str, zone: str) -> dt.datetime:
    return midnight(dt.date.fromisoformat(text), zone) if len(text) == 10 else moment(text)


def met(leaf: dict[str, Any], value: Any, as_of: dt.datetime, zone: str) -> bool:
    op = leaf["op"]
    expected: Any = leaf.get("value")
    if op == "is_missing":
        return value is None
    if value is None:
        return False
    if op == "is_set":
        return True
    if isinstance(value, dt.date):
        return met_in_time(op, value, expected, as_of, zone)
    if op in ("is_true", "is_false"):
        return bool(value) is (op == "is_true")
    if isinstance(value, list):
        asked = expected if isinstance(expected, list) else [expected]
        return bool(
            {
                "has": expected in value,
                "has_any": any(item in value for item in asked),
                "has_all": all(item in value for item in asked),
                "has_none": not any(item in value for item in asked),
                "is_empty": value == [],
            }[op]
        )
    if isinstance(value, str):
        if op == "matches":
            flags = re.DOTALL | (re.IGNORECASE if leaf.get("ignore_case") else 0)
            return re.search(re.sub(r"\$(?![^\[]*\])", r"\\Z", expected), value, flags) is not None
        if leaf.get("ignore_case"):
            value = value.lower()
            expected = [item.lower() for item in expected] if isinstance(expected, list) else expected.lower()
        if op in ("in", "not_in"):
            return bool((value in expected) == (op == "in"))
        return bool(
            {
                "eq": value == expected,
                "ne": value != expected,
                "contains": expected in value,
                "not_contains": expected not in value,
                "starts_with": value.startswith(expected),
                "ends_with": value.endswith(expected),
            }[op]
        )
    number = Fraction(str(value))
    if op == "between":
        return Fraction(str(expected[0])) <= number <= Fraction(str(expected[1]))
    other = Fraction(str(expected))
    return bool(
        {
            "eq": number == other,
            "ne": number != other,
            "lt": number < other,
            "lte": number <= other,
            "gt": number > other,
            "gte": number >= other,
        }[op]
    )


def met_in_time(op: str, value: dt.date, expected: Any, as_of: dt.datetime, zone: str) -> bool:
    is_moment = isinstance(value, dt.datetime)
    local = value.astimezone(ZoneInfo(zone)).date() if isinstance(value, dt.datetime) else value
    today = as_of.astimezone(ZoneInfo(zone)).date()
    if op == "weekday":
        return local.isoweekday() in expected
    if op == "anniversary_within_next":
        return any(anniversary(local, today.year + ahead) in days_from(today, expected) for ahead in range(101))
    if op in ("within_last", "within_next", "more_than_ago"):
        length = expected * DAY
        if is_moment:
            return bool(
                {
                    "within_last": as_of - length <= value < as_of,
                    "within_next": as_of <= value < as_of + length,
                    "more_than_ago": value < as_of - length,
                }[op]
            )
        return bool(
            {
                "within_last": today - length <= value <= today,
                "within_next": today <= value <= today + length,
                "more_than_ago": value < today - length,
            }[op]
        )
    if op == "between":
        return met_in_time("on_or_after", value, expected[0], as_of, zone) and met_in_time(
            "on_or_before", value, expected[1], as_of, zone
        )
    # A date means the whole local day; a moment means itself.
    left: Any = local if len(expected) == 10 else value
    right: Any = dt.date.fromisoformat(expected) if len(expected) == 10 else moment(expected)
    return bool(
        {
            "before": left < right,
            "after": left > right,
            "on_or_before": left <= right,
            "on_or_after": left >= right,
            "on": left == right,
        }[op]
    )


def anniversary(day: dt.date, year: int) -> dt.date:
    try:
        return day.replace(year=year)
    except ValueError:
        return dt.date(year, 2, 28)


def days_from(today: dt.date, days: int) -> list[dt.date]:
    return [today + number * DAY for number in range(days + 1)]


def decided_by(leaf: dict[str, Any], person: Person, as_of: dt.datetime, zone: str) -> tuple[Happening, bool] | None:
    """The event of an `event` condition that decided it, and whether it lies in the window."""
    measure, _, prop = leaf["measure"].partition(":")

    def has_value(event: Happening) -> bool:
        raw = event.amount if prop == "amount" else event.properties.get(prop)
        if measure == "distinct":
            return isinstance(raw, str | bool | int | float | Fraction)
        return not prop or typed(raw, "number", zone) is not None

    start, end = bounds(leaf.get("window"), as_of, zone)
    events = sorted(filter(has_value, person.events), key=lambda event: event.at)
    person = Person(events=events)
    counted = between(leaf, person, start, min(end, as_of), as_of, zone)
    if not counted:
        past = between(leaf, person, None, min(start, as_of), as_of, zone) if start else []
        return (past[-1], False) if past else None
    if measure in ("first", "last", "days_since_last"):
        return counted[0 if measure == "first" else -1], True
    if measure in ("min", "max"):
        extreme = measured(leaf, counted, as_of, zone)
        return next(event for event in counted if measured(leaf, [event], as_of, zone) == extreme), True
    answers = [met(leaf, measured(leaf, counted[:n], as_of, zone), as_of, zone) for n in range(len(counted) + 1)]
    for n in range(len(counted), 0, -1):
        if answers[n] != answers[n - 1]:
            return counted[n - 1], True
    return counted[-1], True
