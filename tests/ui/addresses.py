"""Every address of the admin, found from its URL configuration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import URLPattern, URLResolver

PARAMETER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")
# Not pages: JSON for widgets, the catch-all, Django's redirects to objects of any kind.
OTHERS = {"autocomplete", "jsi18n", "view_on_site", "search", "logout", "login", "app_list", "password_change_done"}


@dataclass(frozen=True)
class Address:
    """`route` is under /admin/; `model` is whose row the one parameter names, if there is one."""

    route: str
    name: str
    model: type[models.Model] | None
    needs_row: bool

    def path(self, workspace: str, pk: Any = None) -> str:
        route = PARAMETER.sub(str(pk), self.route)
        return f"/w/{workspace}/admin/{route}"


def admin_addresses() -> list[Address]:
    return sorted(set(_all()), key=lambda address: address.route)


def _all() -> Iterator[Address]:
    models_by_prefix = {f"{model._meta.app_label}/{model._meta.model_name}/": model for model in admin.site._registry}
    for route, pattern in _flat(admin.site.get_urls(), ""):
        if pattern.name in OTHERS or pattern.name is None:
            continue
        model = next((model for prefix, model in models_by_prefix.items() if route.startswith(prefix)), None)
        parameters = PARAMETER.findall(route)
        assert len(parameters) <= 1, f"Teach tests/ui/addresses.py how to fill in {route}"
        assert not parameters or model, f"{route} names a row of no registered model"
        yield Address(route, pattern.name, model, bool(parameters))


def _flat(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _flat(pattern.url_patterns, route)
        else:
            yield route, pattern
