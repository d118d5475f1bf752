"""The template language that staff write messages in: Liquid without what could eat a worker or reach into it.

A template is checked when it is parsed: unknown tags and filters, and ranges such as `(1..1000000)`, are refused. It is
rendered within limits on time, output, loops and local values. In HTML every value is escaped; nothing turns that off.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache, wraps
from typing import Any

from django.utils import dateformat, dateparse, formats, timezone
from django.utils.translation import gettext as _
from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidError, LiquidSyntaxError
from liquid.expression import Expression
from liquid.filter import with_context
from liquid.undefined import is_undefined

from urm.channels.straightline import straight_line
from urm.lib.figures import money, number

LONGEST_SOURCE = 300_000  # characters
SECONDS = 0.25  # to render one template for one member
_TAGS = {"if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "echo", "#"}
_INTERNAL_TAGS = {"content", "output", "illegal"}
_FILTERS = {
    *("abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus", "round", "times"),
    *("append", "capitalize", "downcase", "escape", "escape_once", "lstrip", "newline_to_br", "prepend", "remove"),
    *("remove_first", "replace", "replace_first", "rstrip", "slice", "split", "squish", "strip", "strip_newlines"),
    *("truncate", "truncatewords", "upcase", "url_encode"),
    *("compact", "first", "join", "last", "reverse", "size", "sort", "uniq"),
    "default",
}
_LONGEST_TEXT = 20_000  # of one value on its way through filters
_LONGEST_LIST = 1_000
_LARGEST_NUMBER = 10**15
_LOOPS = 2_000  # turns of all loops of a template together


class TemplateError(ValueError):
    """A template that cannot be taken, or could not be rendered for this member. The message is for its author."""


class Template:
    """A parsed template. `paths` are the values that it asks for, such as `member.first_name`."""

    def __init__(self, template: BoundTemplate) -> None:
        self._template = template
        self._straight = straight_line(template)
        found = template.analyze(include_partials=False)
        self.paths = frozenset(
            ".".join(str(part) for part in variable.segments)
            for variables in found.globals.values()
            for variable in variables
        )
        if unknown := sorted(found.filters.keys() - template.env.filters.keys()):
            raise TemplateError(_("Unknown filter: %(name)s") % {"name": unknown[0]})

    def render(self, values: Mapping[str, object]) -> str:
        """The text for one member; raises TemplateError when a limit is reached or a filter cannot take a value."""
        try:
            return self._straight(values) if self._straight else self._template.render(values)
        except (LiquidError, ArithmeticError, ValueError, TypeError, RecursionError) as error:
            raise TemplateError(_reason(error)) from error


@lru_cache(maxsize=1024)
def parse(source: str, *, html: bool) -> Template:
    """Parse and check; `html` escapes values. Raises TemplateError with the reason and the line."""
    if len(source) > LONGEST_SOURCE:
        raise TemplateError(_("A template must have at most %(limit)s characters.") % {"limit": LONGEST_SOURCE})
    try:
        template = (_HTML if html else _TEXT).from_string(source)
        for node in template.nodes:
            _refuse_ranges(node, template)
        return Template(template)
    except (LiquidError, RecursionError) as error:
        raise TemplateError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if not isinstance(error, LiquidError):
        return _("This cannot be calculated: %(reason)s") % {"reason": error}
    place = error.context()
    message = str(error.message)
    if place is None:
        return message
    return _("%(reason)s (line %(line)s: %(text)s)") % {
        "reason": message,
        "line": place[0],
        "text": place[3].strip()[:80],
    }


def _refuse_ranges(node: Node, template: BoundTemplate) -> None:
    for expression in node.expressions():
        for part in _walk(expression):
            if isinstance(part, RangeLiteral):
                raise LiquidSyntaxError(_("Ranges such as (1..10) are not allowed."), token=part.token)
    for child in node.children(RenderContext(template), include_partials=False):
        _refuse_ranges(child, template)


def _walk(expression: Expression) -> Iterator[Expression]:
    yield expression
    for child in expression.children():
        yield from _walk(child)


class _Context(RenderContext):
    __slots__ = ("_deadline", "_turns")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = time.monotonic() + SECONDS
        self._turns = 0

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        if time.monotonic() > self._deadline:
            raise FilterArgumentError(_("Rendering took too long."), token=token)
        return super().filter(name, token)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count the turns of all loops, not only of those inside one another."""
        super().raise_for_loop_limit(length)
        self._turns += length
        if self._turns > _LOOPS or time.monotonic() > self._deadline:
            raise FilterArgumentError(_("The loops of this template take too many turns."), token=None)


class _Template(BoundTemplate):
    context_class = _Context


class _Environment(Environment):
    block_nesting_limit = 20
    context_depth_limit = 20
    loop_iteration_limit = _LOOPS
    local_namespace_limit = 200_000
    output_stream_limit = 1_000_000
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS | _INTERNAL_TAGS}
        self.filters = {name: _capped(name, self.filters[name]) for name in _FILTERS}
        self.filters |= {"date": _date, "money": _money, "number": _number}


def _capped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse what would grow without end, before (`replace`, `round`) or after it has grown a little."""

    @wraps(function)
    def capped(value: Any, *args: Any, **kwargs: Any) -> Any:
        for given in (value, *args):
            _refuse_large(given)
        if name == "replace" and len(args) > 1:
            text, old, new = str(value), str(args[0]), str(args[1])
            if text.count(old) * len(new) + len(text) > _LONGEST_TEXT:
                raise FilterArgumentError(_("The text grows too long."), token=None)
        if name == "round" and args and not (isinstance(args[0], int) and 0 <= args[0] <= 10):
            raise FilterArgumentError(_("Round to 0 up to 10 decimals."), token=None)
        result = function(value, *args, **kwargs)
        _refuse_large(result)
        return result

    return capped


def _refuse_large(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise FilterArgumentError(_("The text grows too long."), token=None)
    elif isinstance(value, list | tuple):
        if len(value) > _LONGEST_LIST:
            raise FilterArgumentError(_("The list grows too long."), token=None)
    elif isinstance(value, int | float) and abs(value) > _LARGEST_NUMBER:
        raise FilterArgumentError(_("The number grows too large."), token=None)


# strftime's letters, which Liquid's authors know, as Django's, which follow the language.
_LETTERS = {
    "%Y": "Y",
    "%y": "y",
    "%m": "m",
    "%-m": "n",
    "%d": "d",
    "%-d": "j",
    "%e": "j",
    "%B": "F",
    "%b": "M",
    "%A": "l",
    "%a": "D",
    "%H": "H",
    "%I": "h",
    "%M": "i",
    "%S": "s",
    "%p": "A",
    "%%": "%",
}


def _date(value: Any, fmt: Any = None) -> str:
    """`{{ day | date }}` as the language writes it, `{{ day | date: "%Y-%m-%d" }}` as asked."""
    moment = _moment(value)
    if moment is None:
        return ""
    if fmt is None or is_undefined(fmt):
        return formats.date_format(moment, "DATE_FORMAT")
    return "".join(_date_pieces(moment, str(fmt)[:100]))


def _date_pieces(moment: date, fmt: str) -> Iterator[str]:
    at = 0
    while at < len(fmt):
        if fmt[at] != "%":
            yield fmt[at]
            at += 1
            continue
        code = fmt[at : at + 3] if fmt[at + 1 : at + 2] == "-" else fmt[at : at + 2]
        if code not in _LETTERS:
            raise FilterArgumentError(_("Unknown letter in a date format: %(code)s") % {"code": code}, token=None)
        yield "%" if code == "%%" else dateformat.format(moment, _LETTERS[code])
        at += len(code)


def _moment(value: Any) -> date | None:
    if isinstance(value, datetime):
        return timezone.localtime(value) if value.tzinfo else value
    if isinstance(value, date):
        return value
    if value in ("now", "today"):
        return timezone.localtime()
    if isinstance(value, str) and len(value) < 40:
        try:
            moment = dateparse.parse_datetime(value)
            return _moment(moment) if moment else dateparse.parse_date(value)
        except ValueError:
            return None
    return None


@with_context
def _money(value: Any, *, context: RenderContext) -> str:
    """In the workspace's currency; nothing for a missing value, so that `default` can follow."""
    if value is None or value == "" or is_undefined(value):
        return ""
    return money(value, context.get(["workspace", "currency"], token=None, default=""))  # type: ignore[arg-type]


def _number(value: Any, decimals: Any = 0) -> str:
    if value is None or value == "" or is_undefined(value):
        return ""
    return number(value, decimals if isinstance(decimals, int) and 0 <= decimals <= 10 else 0)


_HTML = _Environment(autoescape=True)
_TEXT = _Environment(autoescape=False)
