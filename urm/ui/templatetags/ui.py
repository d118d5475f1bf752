"""The components. urm.ui says which there are, urm.ui.components what they take."""

import itertools
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.template.context import RequestContext
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from urm.ui import formats as ui_formats
from urm.ui.components import Chart, Empty, HeatMap, Step, Tile
from urm.ui.deeds import actor_words, change_words, deed_words, kind_words
from urm.ui.diagrams import Sankey, UpSet

register = template.Library()

_numbers = itertools.count(1)


def _new_id(kind: str) -> str:
    """An id that no other component on the page has; ids need not be the same next time."""
    return f"ui-{kind}-{next(_numbers)}"


@register.filter
def number(value: Any, decimals: int = 0) -> str:
    return ui_formats.number(value, decimals)


@register.filter
def percent(share: Any, decimals: int = 1) -> str:
    return ui_formats.percent(share, decimals)


@register.simple_tag(takes_context=True)
def money(context: RequestContext, value: Any) -> str:
    """An amount in the workspace's currency."""
    return ui_formats.money(value, context["request"].workspace.currency)


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """“3 hours ago”; the exact time in the workspace's zone on hover, and for screen readers."""
    if moment is None:
        return "–"
    exact = formats.date_format(timezone.localtime(moment), "DATETIME_FORMAT")
    now = timezone.now()
    if abs((now - moment).total_seconds()) < 60:
        words = _("just now")
    elif moment > now:
        words = _("in %(time)s") % {"time": timeuntil(moment, now, depth=1)}
    else:
        words = _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, words)


@register.inclusion_tag("ui/components/definition.html")
def definition(text: str, label: str = "") -> dict[str, Any]:
    """A small button that tells what a figure means."""
    return {"text": text, "label": label, "id": _new_id("definition")}


@register.inclusion_tag("ui/components/tile.html")
def tile(tile: Tile) -> dict[str, Any]:
    good = None
    if tile.change and tile.good_when != "neither":
        good = (tile.change > 0) == (tile.good_when == "up")
    return {"tile": tile, "good": good, "spark": _spark(tile.trend), "change": _signed_percent(tile.change)}


def _signed_percent(change: float | None) -> str:
    if change is None:
        return ""
    return f"{'+' if change > 0 else '−' if change < 0 else '±'}{ui_formats.percent(abs(change))}"


def _spark(values: Any) -> str:
    """Points of a polyline in a box of 100 × 24."""
    numbers = [float(value) for value in values]
    if len(numbers) < 2:
        return ""
    low, high = min(numbers), max(numbers)
    span = (high - low) or 1.0
    step = 100 / (len(numbers) - 1)
    return " ".join(f"{index * step:.1f},{22 - (value - low) / span * 20:.1f}" for index, value in enumerate(numbers))


def sparkline(values: Any) -> SafeString | str:
    """The trend as a small line, for a cell of a list; the figure beside it says the change."""
    points = _spark(values)
    if not points:
        return ""
    return format_html(
        '<svg class="ui-spark ui-spark-inline" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">'
        '<polyline points="{}"/></svg>',
        points,
    )


def colored(color: str, label: Any) -> SafeString:
    """A word with the colour of its thing; the word carries the meaning."""
    return format_html(
        '<span class="ui-chip"><svg class="ui-dot" viewBox="0 0 10 10" aria-hidden="true">'
        '<circle cx="5" cy="5" r="5" fill="{}"/></svg>{}</span>',
        color,
        label,
    )


@register.filter
def deed(verb: str) -> str:
    """A verb of the audit log in words."""
    return deed_words(verb)


@register.filter
def kind(label: str) -> str:
    """What a kind of object of the audit log is called."""
    return kind_words(label)


@register.filter
def changes(entry: Any) -> list[tuple[str, str]]:
    """What an entry of the audit log says was written: (field, value)."""
    return change_words(entry.target_type, entry.after)


@register.filter
def actor(name: str) -> str:
    """Who wrote it, with the platform itself in the reader's language."""
    return actor_words(name)


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """`{{ people|get:id }}`: None when it is not there."""
    return mapping.get(key)


@register.inclusion_tag("ui/components/chart.html")
def chart(chart: Chart) -> dict[str, Any]:
    return {"chart": chart, "id": _new_id("chart"), "data": chart.as_json()}


@register.inclusion_tag("ui/components/heatmap.html")
def heatmap(heatmap: HeatMap) -> dict[str, Any]:
    return {"map": heatmap}


@register.inclusion_tag("ui/components/funnel.html")
def funnel(steps: list[Step], title: str = "") -> dict[str, Any]:
    first = steps[0].count if steps else 0
    rows = [
        {
            "step": step,
            "of_first": step.count / first if first else None,
            "of_previous": step.count / steps[index - 1].count if index and steps[index - 1].count else None,
            "width": round(100 * step.count / first, 2) if first else 0,
        }
        for index, step in enumerate(steps)
    ]
    return {"rows": rows, "title": title}


@register.inclusion_tag("ui/components/bar.html")
def bar(value: Any, of: Any, color: str = "") -> dict[str, Any]:
    """How much `value` is of `of`, as a bar; always put the figure beside it."""
    share = float(value or 0) / float(of) if of else 0.0
    return {"width": round(100 * min(1.0, max(0.0, share)), 2), "color": color}


@register.inclusion_tag("ui/components/upset.html")
def upset(diagram: UpSet) -> dict[str, Any]:
    """Put a table of the same figures beside it."""
    return {"diagram": diagram}


@register.inclusion_tag("ui/components/sankey.html")
def sankey(diagram: Sankey) -> dict[str, Any]:
    """Put a table of the same figures beside it."""
    return {"diagram": diagram}


@register.inclusion_tag("ui/components/progress.html")
def progress_of(url: str, label: str = "") -> dict[str, Any]:
    """Polls `url` for urm.ui.components.Progress until it is finished."""
    return {"url": url, "label": label, "id": _new_id("progress")}


@register.simple_tag(takes_context=True)
def export_button(context: RequestContext, cl: Any) -> SafeString | str:
    """A link that takes the list's search and filters along, where the list can be exported by this person."""
    what = getattr(cl.model_admin, "exported_as", "")
    if not what or not context["request"].user.may("members.export"):
        return ""
    return format_html(
        '<a class="ui-button" href="{}{}">{}'
        '<span class="material-symbols-outlined md-18" aria-hidden="true">download</span></a>',
        reverse("admin:export"),
        cl.get_query_string({"what": what}, remove=["after", "p", "o"]),
        _("Export"),
    )


@register.simple_tag(takes_context=True)
def list_buttons(context: RequestContext, cl: Any) -> SafeString:
    """What else can be done with all that the list shows, with its search and filters."""
    may = context["request"].user.may
    query = cl.get_query_string({}, remove=["after", "before", "p", "o"])
    return format_html_join(
        "",
        '<a class="ui-button" href="{}{}">{}'
        '<span class="material-symbols-outlined md-18" aria-hidden="true">{}</span></a>',
        (
            (reverse(button.url_name), query, button.label, button.icon)
            for button in getattr(cl.model_admin, "list_buttons", list)()
            if may(button.capability)
        ),
    )


@register.inclusion_tag("ui/components/empty.html")
def empty_state(empty: Empty) -> dict[str, Any]:
    return {"empty": empty}


@register.filter
def shorter(value: Decimal | None) -> str:
    """A decimal without trailing zeros."""
    if value is None:
        return "–"
    return ui_formats.number(value, max(0, -int(Decimal(str(value)).normalize().as_tuple().exponent)))
