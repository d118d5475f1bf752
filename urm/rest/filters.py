"""Filters of lists: django-filter, and a refusal of what it does not know — a typing error must not list everybody."""

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import Filter
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.request import Request
from rest_framework.views import APIView

from urm.rest.errors import invalid

PAGE_PARAMETERS = {"limit", "cursor"}


class IdFilter(Filter):  # type: ignore[misc]  # comes without types
    """A positive id that fits the database."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=2**31 - 1, **kwargs)


class StrictFilterSet(FilterSet):  # type: ignore[misc]  # comes without types
    """Declare every filter with its type; each becomes a query parameter of the list and of its documentation.

    The label is its description there.
    """

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Times go to the database in UTC: PostgreSQL takes fewer offsets than Python."""
        given = self.form.cleaned_data
        for name, value in given.items():
            if isinstance(value, datetime):
                try:
                    given[name] = value.astimezone(UTC)
                except OverflowError:
                    raise invalid({name: ["Give a time between the years 1 and 9999."]}) from None
        filtered: QuerySet[Any] = super().filter_queryset(queryset)
        return filtered

    @classmethod
    def described(cls) -> list[dict[str, Any]]:
        """The filters as OpenAPI parameters."""
        return [
            {"name": name, "in": "query", "description": str(one.label), "schema": _schema(one.field)}
            for name, one in cls.base_filters.items()
        ]


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


def _schema(form_field: forms.Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    match form_field:
        case forms.IntegerField():
            schema = {"type": "integer", "minimum": form_field.min_value, "maximum": form_field.max_value}
        case forms.DecimalField():
            schema = {"type": "number"}
        case forms.NullBooleanField() | forms.BooleanField():
            schema = {"type": "boolean"}
        case forms.ChoiceField():
            schema["enum"] = [value for value, _label in list(form_field.choices) if value]  # type: ignore[arg-type]
        case IsoDateTimeField() | forms.DateTimeField():
            schema["format"] = "date-time"
        case forms.DateField():
            schema["format"] = "date"
        case forms.CharField():
            schema["maxLength"] = form_field.max_length
    return {name: value for name, value in schema.items() if value is not None}
