"""`/api/v1/schema/` and `/api/v1/docs/`: the same document for programs and, offline, for people."""

import functools
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator

from urm.rest.schema import ERROR_SCHEMA, refusal
from urm.tenancy.context import tenant_context

PREFIX = "/api/v1/"


def only_api(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Preprocessing hook: nothing but the API's own views."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(PREFIX)]


def complete(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook: the shape of errors, and the routes that are no views of the framework."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR_SCHEMA
    result["paths"] |= _PLAIN_ROUTES
    return result


@functools.cache
def document() -> bytes:
    """The OpenAPI document. Made in the context of no workspace at all: it depends on code only."""
    with tenant_context(0), translation.override("en"):
        generator = SchemaGenerator()  # type: ignore[no-untyped-call]
        return orjson.dumps(generator.get_schema(request=None, public=True), default=str)  # type: ignore[no-untyped-call]


def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(document(), content_type="application/vnd.oai.openapi+json")


def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "rest/docs.html")


def _plain(summary: str, media_type: str, example: Any, **others: Any) -> dict[str, Any]:
    shape = {"type": "object"} if "json" in media_type else {"type": "string"}
    answer = {"schema": shape, "examples": {"answer": {"value": example}}}
    responses = {"200": {"description": "OK", "content": {media_type: answer}}, **others}
    operation_id = summary.lower().replace(" ", "_")
    return {
        "get": {
            "operationId": operation_id,
            "summary": summary,
            "tags": ["service"],
            "security": [{}],
            "responses": responses,
        }
    }


_UNREADY = {
    "description": "Service Unavailable: a required check fails.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}
_PLAIN_ROUTES = {
    "/api/v1/schema/": _plain("This document", "application/vnd.oai.openapi+json", {"openapi": "3.0.3"}),
    "/api/v1/docs/": _plain("This document for people", "text/html", "<!doctype html>…"),
    "/livez": _plain("Whether the process runs", "application/json", {"status": "ok"}),
    "/readyz": _plain(
        "Whether the server can do its work",
        "application/json",
        {"status": "degraded", "checks": {"database": None, "migrations": None, "redis": "ConnectionError"}},
        **{"503": _UNREADY},
    ),
    "/metrics": _plain(
        "Figures for Prometheus", "text/plain", "urm_wakeups_due 0.0", **{"401": refusal(401, "unauthenticated")}
    ),
}
