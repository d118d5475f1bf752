"""Panels: pieces of a page that other apps own. `home` and `member` are made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.safestring import SafeString

from urm.ui.pages import staff_may

log = structlog.get_logger(__name__)

Place = Literal["home", "member_head", "member", "segment"]
Width = Literal["full", "half", "third"]
Content = Callable[[Any, Any], dict[str, Any] | None]


@dataclass(frozen=True)
class Panel:
    place: Place
    name: str
    title: str | Promise
    capability: str
    template: str
    order: int
    width: Width
    content: Content


@dataclass(frozen=True)
class RenderedPanel:
    panel: Panel
    html: SafeString


_panels: dict[str, Panel] = {}


def panel(
    place: Place, *, title: str | Promise, capability: str, template: str, order: int = 50, width: Width = "half"
) -> Callable[[Content], Content]:
    """Register what the function gives, rendered by `template`. Title "" when the template brings its own frame."""

    def decorate(content: Content) -> Content:
        name = f"{content.__module__}.{content.__name__}"
        _panels[name] = Panel(place, name, title, capability, template, order, width, content)
        return content

    return decorate


def render_panels(request: HttpRequest, place: Place, subject: Any = None) -> list[RenderedPanel]:
    """All panels of a place that the role may see and that have something to show, in order."""
    chosen = [one for one in _panels.values() if one.place == place and staff_may(request, one.capability)]
    rendered = (_render(request, one, subject) for one in sorted(chosen, key=lambda one: (one.order, one.name)))
    return [one for one in rendered if one]


def _render(request: HttpRequest, one: Panel, subject: Any) -> RenderedPanel | None:
    try:
        context = one.content(request, subject)
        if context is None:
            return None
        html = render_to_string(one.template, {"subject": subject, **context}, request=request)
    except Exception:  # the rest of the page is still worth having
        log.exception("panel_failed", panel=one.name)
        html = render_to_string("ui/panel_failed.html", {"panel": one}, request=request)
    return RenderedPanel(one, html)
