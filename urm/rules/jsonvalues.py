"""Typed reading of JSON columns (event properties, attributes): a value of another type is missing, never an error."""

from __future__ import annotations

from urm.rules.sqltext import Sql, param, sql
from urm.rules.types import Kind

# A valid date spelled out, so that a cast can never fail: months of 30 and 31 days, and leap years by their digits.
_LEAP = r"(?:[1-9]\d(?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)"
DATE = (
    r"(?:[1-9]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    rf"|{_LEAP}-02-29)"
)
ZONE = r"(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)"
TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.]\d{1,6})?)?"


def read(container: Sql, key: str, kind: Kind | None, time_zone: str) -> Sql:  # noqa: PLR0911 - one return per kind
    """The value under a key as SQL of the kind's type (lists stay jsonb); without a kind, anything but JSON null."""
    item, text = sql("({} -> {})", container, param(key)), sql("({} ->> {})", container, param(key))
    match kind:
        case None:
            return sql("NULLIF({}, 'null'::jsonb)", item)
        case Kind.NUMBER:
            return sql("CASE WHEN jsonb_typeof({}) = 'number' THEN {}::numeric END", item, text)
        case Kind.BOOLEAN:
            return sql("CASE WHEN jsonb_typeof({}) = 'boolean' THEN {}::boolean END", item, text)
        case Kind.LIST:
            return sql("CASE WHEN jsonb_typeof({}) = 'array' THEN {} END", item, item)
        case Kind.DATE:
            return sql("CASE WHEN {} ~ {} THEN {}::date END", text, param(f"^{DATE}$"), text)
        case Kind.DATETIME:
            return _moment(text, time_zone)
        case _:
            return sql("CASE WHEN jsonb_typeof({}) = 'string' THEN {} END", item, text)


def _moment(text: Sql, time_zone: str) -> Sql:
    """A date-time, UTC unless it names a zone; a bare date is the beginning of that local day."""
    return sql(
        "CASE WHEN {} ~ {} THEN {}::timestamptz WHEN {} ~ {} THEN ({} || 'Z')::timestamptz"
        " WHEN {} ~ {} THEN ({}::timestamp AT TIME ZONE {}) END",
        text, param(f"^{DATE}[T ]{TIME}{ZONE}$"), text,
        text, param(f"^{DATE}[T ]{TIME}$"), text,
        text, param(f"^{DATE}$"), text, param(time_zone),
    )  # fmt: skip
