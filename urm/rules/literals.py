"""Reading the literal values of a condition: exact, bounded, and of the type the operator asks for."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from urm.rules.patterns import PatternError, refuse_unportable
from urm.rules.types import OPERATORS, Kind, Shape, Typed, Value

if TYPE_CHECKING:
    from urm.rules.check import Reader

MAX_TEXT = 1000
MAX_LIST = 1000
MAX_DAYS = 36_500
_MAX_DIGITS = 40
_DATE = re.compile(r"[1-9]\d{3}-\d\d-\d\d", re.ASCII)
_DATETIME = re.compile(r"[1-9]\d{3}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.]\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


def read_value(reader: Reader, typed: Typed, op: str, raw: Any, path: str) -> Value:
    """The checked value; None after a reported problem."""
    shape = OPERATORS[typed.kind][op]
    by_type = {Shape.ONE: _one, Shape.PAIR: _pair, Shape.MANY: _many}
    if shape in by_type:
        return by_type[shape](reader, typed, raw, path)
    return {Shape.DAYS: read_days, Shape.WEEKDAYS: _weekdays, Shape.PATTERN: _pattern}[shape](reader, raw, path)


def read_days(reader: Reader, raw: Any, path: str, least: int = 0) -> int | None:
    if isinstance(raw, int) and not isinstance(raw, bool) and least <= raw <= MAX_DAYS:
        return raw
    reader.problem(
        path,
        _("expected a whole number of days from %(least)s to %(most)s") % {"least": least, "most": MAX_DAYS},
        "bad_days",
    )
    return None


def read_number(reader: Reader, raw: Any, path: str) -> Decimal | None:
    if isinstance(raw, (int, float, Decimal)) and not isinstance(raw, bool):
        try:
            # A whole number of absurd length would already cost time to convert.
            number = Decimal(raw) if not isinstance(raw, float) else Decimal(repr(raw))
        except (InvalidOperation, ValueError):
            number = Decimal("NaN")
        if number.is_finite() and abs(number.adjusted()) < _MAX_DIGITS and len(number.as_tuple().digits) <= _MAX_DIGITS:
            return number
    reader.problem(path, _("expected a number with at most %(digits)s digits") % {"digits": _MAX_DIGITS}, "bad_number")
    return None


def read_text(reader: Reader, raw: Any, path: str, longest: int = MAX_TEXT) -> str | None:
    if not isinstance(raw, str):
        reader.problem(path, _("expected a text"), "bad_text")
    elif len(raw) > longest:
        reader.problem(path, _("expected a text of at most %(limit)s characters") % {"limit": longest}, "too_long")
    elif "\0" in raw or any("\ud800" <= char <= "\udfff" for char in raw):
        reader.problem(path, _("the text contains a character that cannot be stored"), "bad_text")
    else:
        return raw
    return None


def read_moment(reader: Reader, raw: Any, path: str, *, date_only: bool = False) -> dt.date | dt.datetime | None:
    """A date, or (unless `date_only`) a date-time; without a zone it is UTC."""
    if isinstance(raw, str):
        try:
            if _DATE.fullmatch(raw):
                return dt.date.fromisoformat(raw)
            if not date_only and _DATETIME.fullmatch(raw):
                moment = dt.datetime.fromisoformat(raw)
                return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            pass
    expected = _("a date such as 2025-03-31") if date_only else _("a date or date-time such as 2025-03-31T09:00:00Z")
    reader.problem(path, _("expected %(what)s") % {"what": expected}, "bad_date")
    return None


def _one(reader: Reader, typed: Typed, raw: Any, path: str) -> Value:
    match typed.kind:
        case Kind.NUMBER:
            return read_number(reader, raw, path)
        case Kind.DATE:
            return read_moment(reader, raw, path, date_only=True)
        case Kind.DATETIME:
            return read_moment(reader, raw, path)
        case _:
            text = read_text(reader, raw, path)
            if text is not None and typed.choices is not None and text not in typed.choices:
                reader.unknown(path, _("choice"), text, typed.choices)
                return None
            return text


def _pair(reader: Reader, typed: Typed, raw: Any, path: str) -> Value:
    if not isinstance(raw, (list, tuple)) or len(raw) != 2:
        reader.problem(path, _("expected two values: [from, to]"), "bad_pair")
        return None
    low, high = (_one(reader, typed, item, f"{path}[{index}]") for index, item in enumerate(raw))
    if low is None or high is None:
        return None
    return low, high  # type: ignore[return-value]  # _one yields scalars


def _many(reader: Reader, typed: Typed, raw: Any, path: str) -> Value:
    if not isinstance(raw, (list, tuple)) or not 1 <= len(raw) <= MAX_LIST:
        reader.problem(path, _("expected a list of 1 to %(limit)s values") % {"limit": MAX_LIST}, "bad_list")
        return None
    items = [_one(reader, typed, item, f"{path}[{index}]") for index, item in enumerate(raw)]
    return None if None in items else tuple(items)  # type: ignore[arg-type]  # _one yields scalars


def _weekdays(reader: Reader, raw: Any, path: str) -> Value:
    whole = isinstance(raw, (list, tuple)) and all(isinstance(day, int) and not isinstance(day, bool) for day in raw)
    if whole and 1 <= len(raw) <= 7 and all(1 <= day <= 7 for day in raw):
        return tuple(sorted(set(raw)))
    reader.problem(path, _("expected a list of weekdays from 1 (Monday) to 7 (Sunday)"), "bad_weekdays")
    return None


def _pattern(reader: Reader, raw: Any, path: str) -> Value:
    text = read_text(reader, raw, path)
    if text is None:
        return None
    try:
        refuse_unportable(text)
    except PatternError as error:
        reader.problem(path, str(error), "bad_pattern")
        return None
    return text
