"""Each operator as SQL, and when by mere passing of time its answer can turn."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, cast

from urm.rules.operands import Elapsed, Operand, Ratio, Scope
from urm.rules.sqltext import Sql, joined, param, params, sql
from urm.rules.tree import Leaf
from urm.rules.types import RELATIVE, Kind
from urm.rules.windows import DAY_US
from urm.rules.zone import local_date, shifted, start_of

_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_DATE_SIGNS = {"before": "<", "after": ">", "on_or_before": "<=", "on_or_after": ">=", "on": "="}
# Beyond this no event can be old enough; interval arithmetic in double precision is exact below it.
_MAX_AGE_US = 100_000 * DAY_US


def compared(operand: Operand, leaf: Leaf, scope: Scope) -> Sql:  # noqa: PLR0911 - one return per kind
    """SQL of the condition; true, false, or NULL where the value is missing (which reads as false)."""
    if leaf.op in {"is_set", "is_missing"}:
        present = sql("{} * {}", operand.sql, operand.denominator) if isinstance(operand, Ratio) else operand.sql
        return sql("({} IS NOT NULL)" if leaf.op == "is_set" else "({} IS NULL)", present)
    match operand.kind:
        case Kind.NUMBER:
            return _number(operand, leaf, scope)
        case Kind.TEXT | Kind.CHOICE:
            return _text(operand.sql, leaf)
        case Kind.BOOLEAN:
            return sql("({})" if leaf.op == "is_true" else "(NOT {})", operand.sql)
        case Kind.LIST:
            return _list(operand.sql, leaf)
        case Kind.DATE:
            return _date(operand.sql, leaf, scope)
        case _:
            return _datetime(operand.sql, leaf, scope)


def _number(operand: Operand, leaf: Leaf, scope: Scope) -> Sql:
    if leaf.op == "between":
        low, high = cast(tuple[Decimal, Decimal], leaf.value)
        parts = [Leaf(leaf.subject, "gte", low), Leaf(leaf.subject, "lte", high)]
        return sql("({})", joined(" AND ", [_number(operand, part, scope) for part in parts]))
    value = cast(Decimal, leaf.value)
    if isinstance(operand, Elapsed):
        return _elapsed(operand.sql, leaf.op, value, scope.as_of)
    right = param(value)
    if isinstance(operand, Ratio):
        right = sql("{} * {}", right, operand.denominator)
    return sql(f"({{}} {_SIGNS[leaf.op]} {{}})", operand.sql, right)


def _elapsed(since: Sql, op: str, days: Decimal, as_of: dt.datetime) -> Sql:
    """Age against a limit, as the moment against `as_of` less the limit; exact to the microsecond."""
    down, up = _microseconds(days)
    if op in {"eq", "ne"} and down != up:
        return sql("(false AND {} IS NULL)" if op == "eq" else "({} IS NOT NULL)", since)
    # age < days  <=>  age < ceil(days)  <=>  moment > as_of - ceil(days), and so on.
    sign, limit = {
        "eq": ("=", down), "ne": ("<>", down), "lt": (">", up), "lte": (">=", down),
        "gt": ("<", down), "gte": ("<=", up),
    }[op]  # fmt: skip
    return sql(f"({{}} {sign} {{}})", since, param(shifted(as_of, -limit)))


def _microseconds(days: Decimal) -> tuple[int, int]:
    exact = days * DAY_US
    return int(exact.to_integral_value(ROUND_FLOOR)), int(exact.to_integral_value(ROUND_CEILING))


def _text(value: Sql, leaf: Leaf) -> Sql:
    lower = "lower({})" if leaf.ignore_case else "{}"
    left = sql(lower, value)
    if leaf.op in {"in", "not_in"}:
        many = cast(tuple[str, ...], leaf.value)
        right = params([item.lower() for item in many] if leaf.ignore_case else many, "text")
        return sql("({} = ANY({}))" if leaf.op == "in" else "({} <> ALL({}))", left, right)
    if leaf.op == "matches":
        return sql("({} ~* {})" if leaf.ignore_case else "({} ~ {})", value, param(leaf.value))
    right = sql(lower, sql("{}::text", param(leaf.value)))
    form = {
        "eq": "({0} = {1})", "ne": "({0} <> {1})", "contains": "(strpos({0}, {1}) > 0)",
        "not_contains": "(strpos({0}, {1}) = 0)", "starts_with": "starts_with({0}, {1})",
    }.get(leaf.op)  # fmt: skip
    if form is not None:
        return sql(form.replace("{0}", "{}").replace("{1}", "{}"), left, right)
    return sql("(right({}, length({})) = {})", left, right, right)


def _list(value: Sql, leaf: Leaf) -> Sql:
    if leaf.op == "is_empty":
        return sql("({} = '[]'::jsonb)", value)
    if leaf.op == "has":
        return sql("({} ? {})", value, param(leaf.value))
    sign = "?&" if leaf.op == "has_all" else "?|"
    found = sql(f"({{}} {sign} {{}})", value, params(cast(tuple[str, ...], leaf.value), "text"))
    return sql("(NOT {})", found) if leaf.op == "has_none" else found


def _date(value: Sql, leaf: Leaf, scope: Scope) -> Sql:  # noqa: PLR0911 - one return per operator
    if leaf.op == "between":
        low, high = cast(tuple[dt.date, dt.date], leaf.value)
        return sql("({} BETWEEN {} AND {})", value, param(low), param(high))
    if leaf.op in _DATE_SIGNS:
        return sql(f"({{}} {_DATE_SIGNS[leaf.op]} {{}})", value, param(leaf.value))
    if leaf.op == "weekday":
        return sql("(extract(isodow FROM {})::int = ANY({}))", value, params(cast(tuple[int, ...], leaf.value), "int"))
    today, days = local_date(scope.as_of, scope.time_zone), cast(int, leaf.value)
    match leaf.op:
        case "within_last":
            return sql("({} BETWEEN {} AND {})", value, param(_moved(today, -days)), param(today))
        case "within_next":
            return sql("({} BETWEEN {} AND {})", value, param(today), param(_moved(today, days)))
        case "more_than_ago":
            return sql("({} < {})", value, param(_moved(today, -days)))
        case _:
            return sql("({} <= {})", _next_anniversary(value, today), param(_moved(today, days)))


def _datetime(value: Sql, leaf: Leaf, scope: Scope) -> Sql:
    if leaf.op in {"weekday", "anniversary_within_next"}:
        return _date(_local(value, scope), leaf, scope)
    if leaf.op == "between":
        low, high = cast(tuple[Any, Any], leaf.value)
        return sql(
            "({} AND {})", _against(value, "on_or_after", low, scope), _against(value, "on_or_before", high, scope)
        )
    if leaf.op in _DATE_SIGNS:
        return _against(value, leaf.op, cast(dt.date, leaf.value), scope)
    away, now = cast(int, leaf.value) * DAY_US, scope.as_of
    match leaf.op:
        case "within_last":
            return sql("({} >= {} AND {} < {})", value, param(shifted(now, -away)), value, param(now))
        case "within_next":
            return sql("({} >= {} AND {} < {})", value, param(now), value, param(shifted(now, away)))
        case _:
            return sql("({} < {})", value, param(shifted(now, -away)))


def _against(value: Sql, op: str, literal: dt.date, scope: Scope) -> Sql:
    """A moment against a literal; a date means the whole local day."""
    if isinstance(literal, dt.datetime):
        return sql(f"({{}} {_DATE_SIGNS[op]} {{}})", value, param(literal))
    begins = param(start_of(literal, scope.time_zone))
    ends = param(start_of(_moved(literal, 1), scope.time_zone))
    match op:
        case "before":
            return sql("({} < {})", value, begins)
        case "on_or_before":
            return sql("({} < {})", value, ends)
        case "after":
            return sql("({} >= {})", value, ends)
        case "on_or_after":
            return sql("({} >= {})", value, begins)
        case _:
            return sql("({} >= {} AND {} < {})", value, begins, value, ends)


def _moved(day: dt.date, days: int) -> dt.date:
    try:
        return day + dt.timedelta(days=days)
    except OverflowError:
        return dt.date.max if days > 0 else dt.date.min


def _local(value: Sql, scope: Scope) -> Sql:
    return sql("({} AT TIME ZONE {})::date", value, param(scope.time_zone))


def _next_anniversary(value: Sql, today: dt.date) -> Sql:
    """The first anniversary today or later. Adding years to 29 February gives the 28th in common years."""
    in_year = "({} + make_interval(years => {} - extract(year FROM {})::int))::date"
    this, following = (sql(in_year, value, param(year), value) for year in (today.year, today.year + 1))
    return sql("CASE WHEN {} >= {} THEN {} ELSE {} END", this, param(today), this, following)


# Aging


def moments_of(operand: Operand, leaf: Leaf, met: Sql, scope: Scope) -> tuple[Sql, ...]:
    """The moments after `as_of` at which the leaf can turn by itself, given whether it is met now."""
    found = list(operand.changes_at)
    rises, falls = list(operand.rises_at), list(operand.falls_at)
    if leaf.op in {"gt", "gte", "lt", "lte"}:
        upward = leaf.op in {"gt", "gte"}
        found += [_when(met, moment) for moment in (falls if upward else rises)]
        found += [_unless(met, moment) for moment in (rises if upward else falls)]
    else:
        found += rises + falls
    return tuple(dict.fromkeys(found + own_moments(operand, leaf, scope)))


def own_moments(operand: Operand, leaf: Leaf, scope: Scope) -> list[Sql]:
    """Those that come from the operator: an age or a date that is compared with `as_of`."""
    if isinstance(operand, Elapsed):
        candidates = [plus(operand.sql, us) for us in _ages(leaf) if 0 <= us <= _MAX_AGE_US]
    elif leaf.op not in RELATIVE:
        return []
    elif operand.kind is Kind.DATETIME and leaf.op != "anniversary_within_next":
        away = cast(int, leaf.value) * DAY_US
        shifts = {"within_last": (0, away), "within_next": (-away, 0), "more_than_ago": (away,)}[leaf.op]
        candidates = [plus(operand.sql, shift + 1) for shift in shifts]
    else:
        day = operand.sql if operand.kind is Kind.DATE else _local(operand.sql, scope)
        candidates = [
            sql("({}::timestamp AT TIME ZONE {})", d, param(scope.time_zone)) for d in _days(day, leaf, scope)
        ]
    return [sql("CASE WHEN {} > {} THEN {} END", moment, param(scope.as_of), moment) for moment in candidates]


def _ages(leaf: Leaf) -> list[int]:
    """The ages, in microseconds, at which a comparison of an age turns."""
    if leaf.op == "between":
        low, high = cast(tuple[Decimal, Decimal], leaf.value)
        return [_microseconds(low)[1], _microseconds(high)[0] + 1]
    if leaf.op not in {"eq", "ne", "lt", "lte", "gt", "gte"}:
        return []
    down, up = _microseconds(cast(Decimal, leaf.value))
    return {"lt": [up], "gte": [up], "gt": [down + 1], "lte": [down + 1]}.get(leaf.op, [down, down + 1])


def _days(day: Sql, leaf: Leaf, scope: Scope) -> list[Sql]:
    """The local days at whose beginning a comparison of a date turns."""
    days = cast(int, leaf.value)
    shifts: tuple[int, ...]
    match leaf.op:
        case "within_last":
            shifts = (0, days + 1)
        case "within_next":
            shifts = (-days, 1)
        case "more_than_ago":
            shifts = (days + 1,)
        case _:
            day = _next_anniversary(day, local_date(scope.as_of, scope.time_zone))
            shifts = (-days, 1)
    return [sql(f"({{}} + ({shift}))", day) for shift in shifts]


def plus(moment: Sql, microseconds: int) -> Sql:
    """A moment moved by an exact length of time (an interval of days would follow the session's clock changes)."""
    return sql(f"({{}} + interval '1 microsecond' * {int(microseconds)})", moment)


def _when(met: Sql, moment: Sql) -> Sql:
    return sql("CASE WHEN {} THEN {} END", met, moment)


def _unless(met: Sql, moment: Sql) -> Sql:
    return sql("CASE WHEN {} THEN NULL ELSE {} END", met, moment)
