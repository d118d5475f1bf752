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


class KeysetPagination(BasePagination):
    """`?limit=` (1–200) and `?cursor=`. The view's `ordering` names columns that are together unique, never null, and
    all ascending or all descending. The cursor is signed for the tenant and the address: it opens nothing else.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        self.request = request
        ordering: Sequence[str] = getattr(view, "ordering", ("-id",))
        self.names = [name.removeprefix("-") for name in ordering]
        limit = self._limit()
        queryset = queryset.order_by(*ordering)
        if cursor := request.query_params.get("cursor"):
            row = _Row(*(F(name) for name in self.names))
            last = _Row(*(Value(value) for value in self._open(cursor, queryset.model)))
            queryset = queryset.filter((LessThan if ordering[0].startswith("-") else GreaterThan)(row, last))
        rows = list(queryset[: limit + 1])
        self.more = len(rows) > limit
        self.rows = rows[:limit]
        return self.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, "next": self.next_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["data", "next"],
            "properties": {
                "data": {"type": "array", "items": schema},
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

    def next_link(self) -> str | None:
        if not self.more:
            return None
        query = self.request.query_params.copy()
        query["cursor"] = self._seal(self.rows[-1])
        return f"{settings.PUBLIC_URL}{self.request.path}?{query.urlencode()}"

    def _limit(self) -> int:
        given = self.request.query_params.get("limit", str(DEFAULT_LIMIT))
        if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= MAX_LIMIT):
            raise invalid({"limit": [f"Give a whole number from 1 to {MAX_LIMIT}."]})
        return int(given)

    def _signer(self) -> Signer:
        return Signer(salt=f"cursor {require_tenant()} {self.request.path}", sep=".")

    def _seal(self, row: Any) -> str:
        values = [row[name] if isinstance(row, dict) else _attribute(row, name) for name in self.names]
        packed = base64.urlsafe_b64encode(orjson.dumps(values, default=str)).decode().rstrip("=")
        return self._signer().sign(packed)

    def _open(self, cursor: str, model: type[Model]) -> list[Any]:
        try:
            packed = self._signer().unsign(cursor)
            values = orjson.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
            if len(values) == len(self.names):
                return [_value(model, name, value) for name, value in zip(self.names, values, strict=True)]
        except (BadSignature, binascii.Error, orjson.JSONDecodeError):
            pass
        raise invalid({"cursor": ["Not a cursor of this list; start again without it."]})


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
