"""One shape for every refusal: `{"error": {"code", "message", "fields"}}`."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from django.core.exceptions import NON_FIELD_ERRORS, RequestDataTooBig
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from psycopg2.errorcodes import FOREIGN_KEY_VIOLATION, UNIQUE_VIOLATION
from rest_framework import exceptions, status

from urm.rules import RuleError

Fields = Mapping[str, list[str]]


class ApiError(exceptions.APIException):
    """A refusal with its own code; `fields` maps the path of each wrong field to what is wrong and how to right it."""

    def __init__(self, status_code: int, code: str, message: str, fields: Fields | None = None) -> None:
        super().__init__(message, code)
        self.status_code = status_code
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.headers: dict[str, str] = {}


def invalid(fields: Fields) -> ApiError:
    return ApiError(status.HTTP_400_BAD_REQUEST, "invalid", _sentence(fields), fields)


def not_found(what: str = "resource") -> ApiError:
    return ApiError(status.HTTP_404_NOT_FOUND, "not_found", f"There is no such {what} in this workspace.")


def _sentence(fields: Fields) -> str:
    field, messages = next(iter(fields.items()))
    more = f" ({len(fields) - 1} more in `fields`)" if len(fields) > 1 else ""
    return f"{field}: {messages[0]}{more}" if field else f"{messages[0]}{more}"


def flat(detail: Any, path: str = "") -> dict[str, list[str]]:
    """DRF's nested error detail as {"lines[0].amount": ["…"]}; errors of the whole object stand under its own path."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for key, value in detail.items():
            inner = path if key in {"non_field_errors", NON_FIELD_ERRORS} else f"{path}.{key}" if path else str(key)
            found.update(flat(value, f"{path}[{key}]" if isinstance(key, int) else inner))
        return found
    if isinstance(detail, list):
        if not any(isinstance(item, Mapping | list) for item in detail):
            return {path: [str(item) for item in detail]} if detail else {}
        return {key: value for at, item in enumerate(detail) for key, value in flat(item, f"{path}[{at}]").items()}
    return {path: [str(detail)]}


def _of_django_validation(error: DjangoValidationError) -> ApiError:
    if hasattr(error, "error_dict"):
        return invalid(flat(error.message_dict))
    code = error.error_list[0].code
    if code not in {None, "invalid"}:
        return ApiError(status.HTTP_409_CONFLICT, str(code), " ".join(error.messages))
    return invalid({"": list(error.messages)})


def _of_database(error: DatabaseError) -> ApiError | None:
    """What the database's own constraints refuse, and its absence; anything else it says is a fault of ours."""
    known: ApiError | None = None
    state = getattr(error.__cause__, "pgcode", None)
    if isinstance(error, ProtectedError | RestrictedError):
        users = sorted({str(one._meta.verbose_name) for one in error.args[1]})
        known = ApiError(409, "in_use", f"Something else uses it still: {', '.join(users)}.")
    elif state == FOREIGN_KEY_VIOLATION:
        known = ApiError(409, "in_use", "Something else uses it, or what it refers to has just gone.")
    elif state == UNIQUE_VIOLATION:
        known = ApiError(409, "conflict", "Something with the same identifying values exists already.")
    elif isinstance(error, OperationalError | InterfaceError):
        known = ApiError(503, "unavailable", "The database cannot be reached; repeat the request in a few seconds.")
        known.headers["Retry-After"] = "5"
    return known


def _of_rule(error: RuleError) -> ApiError:
    """Paths as they stand in the body, whose field `rule` holds the rule."""
    fields: dict[str, list[str]] = {}
    for problem in error.problems:
        path = "rule" if problem.path == "rule" else f"rule.{problem.path}"
        fields.setdefault(path, []).append(problem.message)
    return invalid(fields)


_CODES = {400: "invalid", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"} | {
    406: "not_acceptable",
    415: "unsupported_media_type",
    429: "rate_limited",
}


def as_api_error(error: Exception) -> ApiError | None:
    """The refusal that an exception stands for; None for a fault of ours."""
    known: ApiError | None = None
    match error:
        case ApiError():
            known = error
        case exceptions.ValidationError():
            known = invalid(flat(error.detail))
        case exceptions.NotAcceptable():
            known = ApiError(406, "not_acceptable", "Accept: this server answers application/json only.")
        case exceptions.APIException():
            code = _CODES.get(error.status_code, "refused")
            known = ApiError(error.status_code, code, str(error.detail))
        case DjangoValidationError():
            known = _of_django_validation(error)
        case RuleError():
            known = _of_rule(error)
        case ValueError() if isinstance(getattr(error, "fields", None), dict):
            known = invalid({path: [str(message)] for path, message in error.fields.items()})  # type: ignore[attr-defined]
        case Http404():
            known = not_found()
        case DjangoPermissionDenied():
            known = ApiError(403, "forbidden", str(error) or "The key may not do this.")
        case RequestDataTooBig():
            known = ApiError(413, "too_large", "The body is larger than 10 MB; send it in several requests.")
        case DatabaseError():
            known = _of_database(error)
    return known


def body_of(error: ApiError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message, "fields": error.fields}}


def response_of(error: ApiError) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(body_of(error)),
        status=error.status_code,
        content_type="application/json",
        headers=error.headers,
    )


INTERNAL = ApiError(500, "internal", "Something went wrong here; it has been logged. Repeat the request later.")


def _for_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _either(error: ApiError, page: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """An error page of the composition root: JSON under /api/, Django's page elsewhere."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return response_of(error) if _for_api(request) else page(request, *args, **kwargs)

    return answer


def read_only(view: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A plain view that takes GET and HEAD; it changes nothing, so no method needs a token against forgery."""

    @csrf_exempt
    @functools.wraps(view)
    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"}:
            return view(request)
        error = ApiError(405, "method_not_allowed", f'Method "{request.method}" not allowed.')
        error.headers["Allow"] = "GET, HEAD"
        return response_of(error)

    return answer


NO_ROUTE = ApiError(404, "not_found", "There is no such address. The routes are listed at /api/v1/docs/.")
handler400 = _either(ApiError(400, "invalid", "The request could not be read."), defaults.bad_request)
handler403 = _either(ApiError(403, "forbidden", "The request is refused."), defaults.permission_denied)
handler404 = _either(NO_ROUTE, defaults.page_not_found)
handler500 = _either(INTERNAL, defaults.server_error)


@csrf_exempt
def no_such_route(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """The last route under /api/: says so in JSON with DEBUG on, too."""
    return response_of(NO_ROUTE)
