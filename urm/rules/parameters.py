"""Ready-made parameters for fact declarations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from urm.rules.check import Reader
from urm.rules.facts import Parameter
from urm.rules.literals import MAX_DAYS, read_days, read_moment
from urm.rules.names import Names
from urm.rules.windows import Between, Calendar, InCalendar, Sliding, Window
from urm.rules.zone import start_of

MAX_NAMES = 50


def named(name: str, kind: str, what: str, *, required: bool = True) -> Parameter:
    """One name of the workspace."""

    def read(reader: Reader, raw: Any, path: str) -> Any:
        return reader.name(kind, what, raw, path)

    def schema(names: Names) -> Mapping[str, Any]:
        return {"enum": sorted(names.all(kind), key=str)}

    return Parameter(name, read, schema, required, kind=f"names:{kind}")


def named_list(name: str, kind: str, what: str) -> Parameter:
    """One name, or a list of them; read as a tuple without repeats."""

    def read(reader: Reader, raw: Any, path: str) -> Any:
        if not isinstance(raw, (list, tuple)):
            return (reader.name(kind, what, raw, path),)
        if not 1 <= len(raw) <= MAX_NAMES:
            reader.problem(path, _("expected 1 to %(limit)s names") % {"limit": MAX_NAMES}, "bad_list")
            return None
        found = [reader.name(kind, what, item, f"{path}[{index}]") for index, item in enumerate(raw)]
        return tuple(dict.fromkeys(found))

    def schema(names: Names) -> Mapping[str, Any]:
        one = {"enum": sorted(names.all(kind), key=str)}
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_NAMES}]}

    return Parameter(name, read, schema, kind=f"names:{kind}")


def one_of(
    name: str,
    *words: str,
    required: bool = True,
    default: str | None = None,
    labels: Mapping[str, tuple[str, str]] | None = None,
) -> Parameter:
    """One of a closed list of words; `labels` are (English, Chinese) of those that need one."""

    def read(reader: Reader, raw: Any, path: str) -> Any:
        if isinstance(raw, str) and raw in words:
            return raw
        reader.unknown(path, _("value"), raw if isinstance(raw, str) else type(raw).__name__, words)
        return None

    return Parameter(name, read, lambda names: {"enum": list(words)}, required, default, labels=labels or {})


def where(name: str = "where") -> Parameter:
    def read(reader: Reader, raw: Any, path: str) -> Any:
        return reader.where(raw, path)

    return Parameter(name, read, lambda names: {"$ref": "#/$defs/where"}, required=False, kind="where")


def window(name: str = "window") -> Parameter:
    return Parameter(name, _read_window, lambda names: _WINDOW_SCHEMA, required=False, kind="window")


DAYS_SCHEMA: Mapping[str, Any] = {"type": "integer", "minimum": 1, "maximum": MAX_DAYS}
_MOMENT_SCHEMA = {"type": "string", "minLength": 10, "maxLength": 35}
_WINDOW_SCHEMA: Mapping[str, Any] = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"days": DAYS_SCHEMA, "until_days_ago": {**DAYS_SCHEMA, "minimum": 0}},
            "required": ["days"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"from": _MOMENT_SCHEMA, "to": _MOMENT_SCHEMA},
            "required": ["from", "to"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"calendar": {"enum": [period.value for period in Calendar]}},
            "required": ["calendar"],
            "additionalProperties": False,
        },
    ]
}


def _read_window(reader: Reader, raw: Any, path: str) -> Window | None:
    keys = set(raw) if isinstance(raw, dict) else set()
    if "days" in keys and keys <= {"days", "until_days_ago"}:
        days = read_days(reader, raw["days"], f"{path}.days", least=1)
        until = read_days(reader, raw.get("until_days_ago", 0), f"{path}.until_days_ago")
        if days is None or until is None:
            return None
        if until < days:
            return Sliding(days, until)
        message = _("the window must end after it begins: fewer days than “days”")
        reader.problem(f"{path}.until_days_ago", message, "empty_window")
    elif keys == {"from", "to"}:
        start, end = (_moment(reader, raw[key], f"{path}.{key}") for key in ("from", "to"))
        if start is None or end is None:
            return None
        if start < end:
            return Between(start, end)
        reader.problem(f"{path}.to", _("the window must end after it begins"), "empty_window")
    elif keys == {"calendar"}:
        word = raw["calendar"]
        if isinstance(word, str) and word in set(Calendar):
            return InCalendar(Calendar(word))
        what = word if isinstance(word, str) else type(word).__name__
        reader.unknown(f"{path}.calendar", _("period"), what, [period.value for period in Calendar])
    else:
        message = _(
            'expected {"days": N}, {"days": N, "until_days_ago": M}, {"from": T, "to": T} or {"calendar": PERIOD}'
        )
        reader.problem(path, message, "bad_window")
    return None


def _moment(reader: Reader, raw: Any, path: str) -> dt.datetime | None:
    """A date here means the beginning of that local day."""
    moment = read_moment(reader, raw, path)
    if moment is None or isinstance(moment, dt.datetime):
        return moment
    return start_of(moment, reader.names.time_zone)
