"""Admin pages that are not about one model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.functional import Promise

from urm.tenancy.middleware import WorkspaceRequest
from urm.tenancy.models import User
from urm.ui.navigation import Entry, add_to_sidebar

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Page:
    route: str
    name: str
    view: View


_pages: dict[str, Page] = {}


def registered_pages() -> list[Page]:
    return list(_pages.values())


def staff_may(request: HttpRequest, capability: str) -> bool:
    user = request.user
    return isinstance(user, User) and user.may(capability)


def needs(capability: str) -> Callable[[View], View]:
    """Guard a view, be it a function or a method: refused for those whose role lacks the capability."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> HttpResponseBase:
            request = next(argument for argument in args if isinstance(argument, HttpRequest))
            if not staff_may(request, capability):
                raise PermissionDenied
            return view(*args, **kwargs)

        return guarded

    return decorate


def page(
    route: str, *, title: str | Promise, capability: str, sidebar: Entry | None = None, name: str = ""
) -> Callable[[View], View]:
    """Add a view at `/w/<workspace>/admin/<route>` for those who have `capability`."""

    def decorate(view: View) -> View:
        url_name = name or view.__name__
        guarded = needs(capability)(view)
        _pages[url_name] = Page(route, url_name, guarded)
        guarded.title = title  # type: ignore[attr-defined]  # render_page() reads it
        if sidebar:
            add_to_sidebar(
                sidebar,
                title=title,
                url_name=f"admin:{url_name}",
                visible=lambda request: staff_may(request, capability),
            )
        return guarded

    return decorate


def render_page(
    request: WorkspaceRequest, template: str, context: dict[str, Any] | None = None, *, title: str | Promise = ""
) -> TemplateResponse:
    """Answer with a template that extends `ui/page.html`. The title is the page's unless given."""
    match = request.resolver_match
    own = getattr(_pages[match.url_name].view, "title", "") if match and match.url_name in _pages else ""
    return TemplateResponse(
        request, template, {**admin.site.each_context(request), "title": title or own, **(context or {})}
    )
