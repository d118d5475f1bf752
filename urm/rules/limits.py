"""Size and depth of a rule, looked at before anything walks it: never by recursion, so no depth can hurt."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from urm.rules.errors import Problem, RuleError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_LEAVES = 200
# One level of the language takes two of JSON ({"all": [ … ]}); parameters and `where` add a few.
_MAX_JSON_DEPTH = 3 * MAX_DEPTH


def refuse_oversize(rule: object) -> None:
    """Raise RuleError when the rule is too deep or too large to be read. Depth is checked first, without recursion."""
    stack: list[tuple[object, int]] = [(rule, 1)]
    items = 0
    while stack:
        value, depth = stack.pop()
        items += 1
        if depth > _MAX_JSON_DEPTH:
            raise RuleError([Problem("rule", too_deep(), "too_deep")])
        if items > MAX_BYTES:
            raise RuleError([Problem("rule", _too_large(), "too_large")])
        if isinstance(value, dict):
            stack.extend((child, depth + 1) for child in value.values())
        elif isinstance(value, (list, tuple)):
            stack.extend((child, depth + 1) for child in value)
    if len(json.dumps(rule, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise RuleError([Problem("rule", _too_large(), "too_large")])


def too_deep() -> str:
    return _(
        "The rule is nested more than %(limit)s levels deep. Split it: save a part as a segment and refer to it."
    ) % {"limit": MAX_DEPTH}


def _too_large() -> str:
    return _("The rule is larger than %(limit)s KB. Split it: save a part as a segment and refer to it.") % {
        "limit": MAX_BYTES // 1024
    }


def load(text: str | bytes) -> Any:
    """Read a rule from JSON text; numbers keep every digit. Raises RuleError, also on absurd nesting."""
    if len(text) > MAX_BYTES:
        raise RuleError([Problem("rule", _too_large(), "too_large")])
    try:
        return json.loads(text, parse_float=Decimal)
    except RecursionError:
        raise RuleError([Problem("rule", too_deep(), "too_deep")]) from None
    except ValueError as error:
        raise RuleError([Problem("rule", _("This is not JSON: %(error)s.") % {"error": error}, "not_json")]) from None
