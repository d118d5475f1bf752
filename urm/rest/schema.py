"""The OpenAPI document: what the plumbing does is written into every operation, so no view can forget it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.serializers import BaseSerializer

F = TypeVar("F", bound=Callable[..., Any])

_ERRORS = {
    400: ("invalid", "amount: A valid number is required.", {"amount": ["A valid number is required."]}),
    401: ("unauthenticated", "The key is unknown, revoked or expired; create a new one under Workspace → Keys.", {}),
    403: ("scope_missing", "The key lacks the scope members.view; give it under Workspace → Keys.", {}),
    404: ("not_found", "There is no such member in this workspace.", {}),
    406: ("not_acceptable", "Accept: this server answers application/json only.", {}),
    409: ("conflict", "Something with the same identifying values exists already.", {}),
    413: ("too_large", "The body has 300000 bytes; at most 256 KB are taken.", {}),
    415: ("unsupported_media_type", 'Unsupported media type "text/plain" in request.', {}),
    422: ("idempotency_key_reused", "Idempotency-Key was used for another request before; use a new key.", {}),
    429: ("rate_limited", "Too many requests; wait 1 s and send fewer at a time.", {}),
    500: ("internal", "Something went wrong here; it has been logged. Repeat the request later.", {}),
    503: ("unavailable", "The database cannot be reached; repeat the request in a few seconds.", {}),
}

ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fields"],
            "properties": {
                "code": {"type": "string", "description": "Stable, for programs."},
                "message": {"type": "string", "description": "For people: names the field and the remedy."},
                "fields": {
                    "type": "object",
                    "description": "Path of each wrong field → what is wrong with it.",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
            },
        }
    },
}


@dataclass(frozen=True)
class Documented:
    status: int
    example: Any
    many: bool
    request_example: Any
    errors: Mapping[int, str] = field(default_factory=dict)


def documented(
    summary: str,
    *,
    answer: type[BaseSerializer[Any]] | dict[str, Any] | None = None,
    request: type[BaseSerializer[Any]] | dict[str, Any] | None = None,
    many: bool = False,
    status: int = 200,
    example: Any = None,
    request_example: Any = None,
    errors: Mapping[int, str] | None = None,
    parameters: Sequence[OpenApiParameter] = (),
    description: str = "",
    also: Mapping[int, type[BaseSerializer[Any]] | dict[str, Any]] | None = None,
) -> Callable[[F], F]:
    """Describe an operation. `answer` and `request` are serializers or JSON Schemas; `example` is one row where `many`;
    `errors` are codes special to it, `also` further successes by status.
    """

    def decorate(handler: F) -> F:
        success: Any = answer
        if many and isinstance(answer, type):
            success = answer(many=True)
        # A list stays bare: only then does the framework see that it is one, and add filters and pages.
        responses = {status: success if many else OpenApiResponse(success)}
        responses |= {code: OpenApiResponse(shape) for code, shape in (also or {}).items()}
        if isinstance(request, dict):
            by_type = all("/" in name for name in request)
            body: Any = request if by_type else {"application/json": request}
        else:
            body = request
        handler.documented = Documented(status, example, many, request_example, errors or {})  # type: ignore[attr-defined]
        return extend_schema(
            summary=summary,
            description=description or None,
            request=body,
            responses=responses,
            parameters=list(parameters),
        )(handler)

    return decorate


class ApiSchema(AutoSchema):
    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        about: Documented = getattr(self.view, self.method.lower()).documented
        self._describe_scope(operation)
        self._add_examples(operation, about)
        if self.method == "POST":
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        for code, response in operation["responses"].items():
            response["description"] = response.get("description") or HTTPStatus(int(code)).phrase
        for code in sorted(self._refusals(operation) | set(about.errors)):
            special = about.errors.get(code)
            operation["responses"][str(code)] = refusal(code, special)
        return operation

    view: Any

    def _describe_scope(self, operation: dict[str, Any]) -> None:
        scope = self.view.scope_of(self.method)
        needs = f"Needs the scope `{scope}`." if scope else "Any secret key may call it."
        if self.view.publishable:
            needs += " Publishable keys may call it from their allowed origins."
        operation["description"] = "\n\n".join(filter(None, [operation.get("description"), needs]))

    def _add_examples(self, operation: dict[str, Any], about: Documented) -> None:
        example = {"data": [about.example], "next": None} if about.many else about.example
        for content in operation["responses"][str(about.status)].get("content", {}).values():
            if about.example is not None:
                content["examples"] = {"answer": {"value": example}}
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if about.request_example is not None:
                content["examples"] = {"request": {"value": about.request_example}}

    def _refusals(self, operation: dict[str, Any]) -> set[int]:
        codes = {401, 403, 406, 429, 500, 503}
        places = {parameter["in"] for parameter in operation.get("parameters", [])}
        if "path" in places:
            codes.add(404)
        if "query" in places:
            codes.add(400)
        if "requestBody" in operation:
            codes |= {400, 413, 415}
        if self.method == "POST":
            codes |= {400, 409, 422}
        if self.method in {"PUT", "PATCH"}:
            codes.add(409)
        return codes

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        if not self._is_list_view() or self.view.filterset_class is None:
            return []
        described: list[dict[str, Any]] = self.view.filterset_class.described()
        return described

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_operation_id(self) -> str:
        return f"{type(self.view).__name__}_{self.method.lower()}"


def refusal(code: int, special: str | None = None) -> dict[str, Any]:
    usual, message, fields = _ERRORS.get(code, ("refused", "The request is refused.", {}))
    if special is not None and special != usual:
        message, fields = f"See `{special}`.", {}
    example = {"error": {"code": special or usual, "message": message, "fields": fields}}
    return {
        "description": f"{HTTPStatus(code).phrase}: `{special or usual}`",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "examples": {special or usual: {"value": example}},
            }
        },
    }


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Up to 255 visible ASCII characters, for example a UUID. Repeating the request within 48 hours "
    "gives the first answer and has no second effect; the same key with another body is refused with 422.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "urm.rest.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of the workspace: `sk_…` or `pk_…`."}
