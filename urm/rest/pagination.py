"""Keyset pages: the cursor holds the last row's sort values, so page 10,000 costs what page 1 does."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.core.signing import BadSignature, Signer
from django.db.models import BooleanField, F, Func, Model, Value
from django.db.models.lookups import GreaterThan, LessThan
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from urm.rest.errors import invalid
from urm.tenancy.context import require_tenant

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class _Row(Func):
    function = "ROW"
    output_field = BooleanField()  # of no meaning: rows are only compared with rows


def limit_of(request: Request) -> int:
    given = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= MAX_LIMIT):
        raise invalid({"limit": [f"Give a whole number from 1 to {MAX_LIMIT}."]})
    return int(given)


def next_link(request: Request, values: Sequence[Any]) -> str:
    """The address of the page that begins after the row with these sort values."""
    packed = base64.urlsafe_b64encode(orjson.dumps(values, default=str)).decode().rstrip("=")
    query = request.query_params.copy()
    query["cursor"] = _signer(request).sign(packed)
    return f"{settings.PUBLIC_URL}{request.path}?{query.urlencode()}"


def cursor_values(request: Request) -> list[Any] | None:
    """The sort values in `?cursor=`, as JSON holds them; None on the first page, 400 for what we did not sign."""
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        packed = _signer(request).unsign(cursor)
        values: list[Any] = orjson.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (BadSignature, binascii.Error, orjson.JSONDecodeError):
        raise invalid({"cursor": ["Not a cursor of this list; start again without it."]}) from None
    return values


def _signer(request: Request) -> Signer:
    """Signed for the workspace and the address: a cursor opens nothing else."""
    return Signer(salt=f"cursor {require_tenant()} {request.path}", sep=".")


class KeysetPagination(BasePagination):
    """`?limit=` (1–200) and `?cursor=`. The view's `ordering` names columns that are together unique, never null, and
    all ascending or all descending.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        self.request = request
        ordering: Sequence[str] = getattr(view, "ordering", ("-id",))
        self.names = [name.removeprefix("-") for name in ordering]
        limit = limit_of(request)
        queryset = queryset.order_by(*ordering)
        if (values := cursor_values(request)) is not None:
            typed = [_value(queryset.model, name, value) for name, value in zip(self.names, values, strict=True)]
            row = _Row(*(F(name) for name in self.names))
            last = _Row(*(Value(value) for value in typed))
            queryset = queryset.filter((LessThan if ordering[0].startswith("-") else GreaterThan)(row, last))
        rows = list(queryset[: limit + 1])
        self.more = len(rows) > limit
        self.rows = rows[:limit]
        return self.rows

    def get_paginated_response(self, data: Any) -> Response:
        link = None
        if self.more:
            last = self.rows[-1]
            link = next_link(
                self.request,
                [last[name] if isinstance(last, dict) else _attribute(last, name) for name in self.names],
            )
        return Response({"data": data, "next": link})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["data", "next"],
            "properties": {
                "data": schema,
                "next": {
                    "type": "string",
                    "format": "uri",
                    "nullable": True,
                    "description": "Address of the next page; null on the last.",
                },
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": "limit",
                "in": "query",
                "description": "Rows in a page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "Where the page begins: taken from `next` of the page before.",
                "schema": {"type": "string"},
            },
        ]


def _attribute(row: Any, name: str) -> Any:
    for part in name.split("__"):
        row = getattr(row, part)
    return row


def _value(model: type[Model], name: str, value: Any) -> Any:
    """The typed value of a column; annotations that look like a time are read as one."""
    field: Any = None
    for part in name.split("__"):
        try:
            field = (field.related_model if field is not None else model)._meta.get_field(part)
        except FieldDoesNotExist:  # an annotation
            return datetime.fromisoformat(value) if name.endswith("_at") else value
    return field.to_python(value)
