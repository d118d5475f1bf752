"""The sidebar: groups in the order of a marketer's day, entries as far as the role may use them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

GROUPS: dict[str, str | Promise] = {
    "home": "",
    "people": _("People"),
    "talk": _("Talk"),
    "listen": _("Listen"),
    "reward": _("Reward"),
    "understand": _("Understand"),
    "workspace": _("Workspace"),
}


@dataclass(frozen=True)
class Entry:
    """Where in the sidebar a page stands. `icon` is a Material Symbols name; `g`, then `key`, goes there."""

    group: str
    order: int = 50
    icon: str = "circle"
    key: str = ""


@dataclass(frozen=True)
class SidebarLink:
    entry: Entry
    title: str | Promise
    url_name: str
    visible: Callable[[HttpRequest], bool]


_HOME = SidebarLink(Entry("home", 0, "home", key="h"), _("Home"), "admin:index", lambda _request: True)

_links: dict[str, SidebarLink] = {_HOME.url_name: _HOME}


def add_to_sidebar(
    entry: Entry, *, title: str | Promise, url_name: str, visible: Callable[[HttpRequest], bool]
) -> None:
    if entry.group not in GROUPS:
        raise ValueError(f"{entry.group!r} is no group of the sidebar; use one of {', '.join(GROUPS)}.")
    _links[url_name] = SidebarLink(entry, title, url_name, visible)


def visible_links(request: HttpRequest) -> list[SidebarLink]:
    order = list(GROUPS)
    links = [link for link in _links.values() if link.visible(request)]
    return sorted(links, key=lambda link: (order.index(link.entry.group), link.entry.order, link.url_name))


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups in the form that unfold's templates read."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for link in visible_links(request):
        url = reverse(link.url_name)
        at_home = link.entry.group == "home"
        groups.setdefault(link.entry.group, []).append(
            {
                "title": capfirst(str(link.title)),
                "icon": link.entry.icon,
                "link": url,
                "key": link.entry.key,
                "active": request.path == url if at_home else request.path.startswith(url),
                "has_permission": True,
            }
        )
    return [{"title": GROUPS[name], "items": items} for name, items in groups.items()]
