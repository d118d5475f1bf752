"""All routes of the API, read from the URL configuration."""

import re
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

from urm.rest.views import ApiView

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Route:
    """`path` with its parameters in braces; `whole` are the names of those that are numbers."""

    path: str
    view: type[ApiView]
    parameters: tuple[str, ...]
    whole: frozenset[str]

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(method for method in METHODS if hasattr(self.view, method))

    @property
    def room(self) -> str:
        return self.path.removeprefix("/api/v1/").split("/")[0]


def api_routes() -> list[Route]:
    return [route for pattern, prefix in _walk(get_resolver(), "") if (route := _route(pattern, prefix))]


def _walk(resolver: URLResolver, prefix: str) -> list[tuple[URLPattern, str]]:
    found = []
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            found += _walk(pattern, prefix + str(pattern.pattern))
        else:
            found.append((pattern, prefix))
    return found


def _route(pattern: URLPattern, prefix: str) -> Route | None:
    view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
    if view is None or not issubclass(view, ApiView):
        return None
    template = f"/{prefix}{pattern.pattern}"
    converters = re.findall(r"<(?:(\w+):)?(\w+)>", template)
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", template)
    return Route(
        path,
        view,
        tuple(name for _converter, name in converters),
        frozenset(name for converter, name in converters if converter == "int"),
    )
