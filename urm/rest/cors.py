"""Browsers and publishable keys.

A preflight carries no key, so it cannot be answered by key. It is answered the same for every origin, on the browser
routes only: that grants nothing, for the request itself is checked against the key's own origins and only then gets
`Access-Control-Allow-Origin`. Cookies are never allowed, and nobody learns which origins are customers.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from urm.rest.errors import ApiError
from urm.tenancy.models import ApiKey

_EXPOSED = "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Idempotency-Replayed"


class PreflightMiddleware:
    """Must stand before anything that reads the session or redirects."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META:
            origin = request.META.get("HTTP_ORIGIN", "")
            if origin and _is_for_browsers(request.path_info):
                return _preflight(origin)
        return self.get_response(request)


def _is_for_browsers(path: str) -> bool:
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    return bool(getattr(getattr(view, "view_class", None), "publishable", False))


def _preflight(origin: str) -> HttpResponse:
    return HttpResponse(
        status=204,
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Prefer",
            "Access-Control-Max-Age": "86400",
            "Vary": "Origin",
        },
    )


def allowed_origin(key: ApiKey, origin: str) -> str:
    """The origin if a publishable key may be used from it, "" for an app without origin; else a refusal.

    A key without origins is one for native apps: it works where no browser names an origin, and only there.
    """
    if (not origin and not key.allowed_origins) or (origin and origin in key.allowed_origins):
        return origin
    if origin:
        message = f"Origin: {origin[:200]} is not among the allowed origins of this key; add it under Workspace → Keys."
    else:
        message = "Origin: this key is for browsers; use a secret key on a server."
    raise ApiError(403, "origin_not_allowed", message)


def allow(response: HttpResponseBase, origin: str) -> None:
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary"), "Origin"]))
