"""Filters of lists: django-filter, and a refusal of what it does not know — a typing error must not list everybody."""

from difflib import get_close_matches
from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.request import Request
from rest_framework.views import APIView

from urm.rest.errors import invalid

PAGE_PARAMETERS = {"limit", "cursor"}


class StrictFilterSet(FilterSet):  # type: ignore[misc]  # comes without types
    """Declare every filter with its type; each becomes a query parameter of the list and of its documentation."""


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        known = PAGE_PARAMETERS | set(filterset.form.fields if filterset is not None else ())
        refuse_unknown(request, known)
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


def refuse_unknown(request: Request, known: set[str]) -> None:
    """400 for a query parameter that the operation does not have, with the nearest one it has."""
    wrong = {}
    for name in request.query_params:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            wrong[name] = [
                f"Unknown parameter; did you mean {near[0]}?"
                if near
                else f"Unknown parameter; this address knows {', '.join(sorted(known)) or 'none'}."
            ]
    if wrong:
        raise invalid(wrong)
