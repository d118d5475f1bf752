"""The types of the rule language and the operators each of them has. Both lists are closed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

VERSION = 1


class Kind(StrEnum):
    """The type of what a fact yields for one member."""

    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    LIST = "list"


class Shape(StrEnum):
    """What an operator expects as its value."""

    NONE = "none"
    ONE = "one"
    PAIR = "pair"
    MANY = "many"
    PATTERN = "pattern"
    DAYS = "days"
    WEEKDAYS = "weekdays"


Scalar = Decimal | str | dt.date | dt.datetime | int
Value = Scalar | tuple[Scalar, ...] | None

_PRESENCE = {"is_set": Shape.NONE, "is_missing": Shape.NONE}
_MOMENTS = {
    "before": Shape.ONE,
    "after": Shape.ONE,
    "on_or_before": Shape.ONE,
    "on_or_after": Shape.ONE,
    "on": Shape.ONE,
    "between": Shape.PAIR,
    "within_last": Shape.DAYS,
    "within_next": Shape.DAYS,
    "more_than_ago": Shape.DAYS,
    "anniversary_within_next": Shape.DAYS,
    "weekday": Shape.WEEKDAYS,
    **_PRESENCE,
}

OPERATORS: dict[Kind, dict[str, Shape]] = {
    Kind.NUMBER: {
        "eq": Shape.ONE,
        "ne": Shape.ONE,
        "lt": Shape.ONE,
        "lte": Shape.ONE,
        "gt": Shape.ONE,
        "gte": Shape.ONE,
        "between": Shape.PAIR,
        **_PRESENCE,
    },
    Kind.TEXT: {
        "eq": Shape.ONE,
        "ne": Shape.ONE,
        "in": Shape.MANY,
        "not_in": Shape.MANY,
        "contains": Shape.ONE,
        "not_contains": Shape.ONE,
        "starts_with": Shape.ONE,
        "ends_with": Shape.ONE,
        "matches": Shape.PATTERN,
        **_PRESENCE,
    },
    Kind.CHOICE: {"eq": Shape.ONE, "ne": Shape.ONE, "in": Shape.MANY, "not_in": Shape.MANY, **_PRESENCE},
    Kind.BOOLEAN: {"is_true": Shape.NONE, "is_false": Shape.NONE, **_PRESENCE},
    Kind.DATE: _MOMENTS,
    Kind.DATETIME: _MOMENTS,
    Kind.LIST: {
        "has": Shape.ONE,
        "has_any": Shape.MANY,
        "has_all": Shape.MANY,
        "has_none": Shape.MANY,
        "is_empty": Shape.NONE,
        **_PRESENCE,
    },
}

# Operators that read a length of time from `as_of`, so that their answer ages by itself.
RELATIVE = frozenset({"within_last", "within_next", "more_than_ago", "anniversary_within_next"})


@dataclass(frozen=True, slots=True)
class Typed:
    """A type with, for choices (and lists drawn from choices), the closed list of what may stand there."""

    kind: Kind
    choices: tuple[str, ...] | None = None
