"""The base of every view of the API; see the package's docstring for how to use it."""

import traceback
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, ClassVar, TypeVar

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.core.signals import got_request_exception
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from urm.audit.actor import Actor, acting_as
from urm.rest import cors, idempotency
from urm.rest.authentication import KeyAuthentication, missing_key
from urm.rest.errors import INTERNAL, ApiError, as_api_error, body_of, invalid, not_found
from urm.rest.filters import StrictFilterBackend
from urm.rest.json import MAX_DEPTH, MAX_OBJECT, JSONParser, JSONRenderer
from urm.rest.pagination import KeysetPagination
from urm.rest.throttling import Verdict, buckets_of, limiter
from urm.tenancy.context import tenant_context
from urm.tenancy.models import ApiKey, Tenant

logger = structlog.get_logger(__name__)
M = TypeVar("M", bound=Model)

ANY_KEY = ""  # for `required_scope`: every valid secret key may call


class ApiRequest(Request):
    """What a handler gets: `auth` is the key that asks."""

    auth: ApiKey


class ApiView(GenericAPIView[Any]):
    """Subclasses say `required_scope`, and `ordering` and `filterset_class` where they list."""

    required_scope: ClassVar[str | Mapping[str, str]]
    publishable: ClassVar[bool] = False  # whether publishable keys may call, from their origins
    max_body: ClassVar[int] = MAX_OBJECT
    max_depth: ClassVar[int] = MAX_DEPTH
    takes_batches: ClassVar[bool] = False  # a list of up to 1,000 objects, each within the limits, 10 MB in all
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    filterset_class: ClassVar[Any] = None

    authentication_classes = [KeyAuthentication]
    permission_classes = []
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    filter_backends = [StrictFilterBackend]
    pagination_class = KeysetPagination
    metadata_class = None
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    format_kwarg = None  # the Accept header alone decides

    _verdict: Verdict | None = None
    _origin: str = ""

    # --- what handlers use

    @property
    def workspace(self) -> Tenant:
        return self.request.auth.tenant  # type: ignore[union-attr, no-any-return]

    def valid(self, serializer_class: type[BaseSerializer[Any]], **options: Any) -> dict[str, Any]:
        """The request's body as the serializer understands it; 400 with the fields otherwise."""
        serializer = serializer_class(data=self.request.data, context={"view": self}, **options)
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = serializer.validated_data
        return data

    def one(self, queryset: QuerySet[M], **lookup: Any) -> M:
        """The row, or the 404 that a row of another workspace gives as well."""
        try:
            return queryset.get(**lookup)
        except (ObjectDoesNotExist, ValueError):
            raise not_found(str(queryset.model._meta.verbose_name)) from None

    def page(self, queryset: QuerySet[Any], serializer_class: type[BaseSerializer[Any]]) -> Response:
        """A keyset page of the filtered rows."""
        rows = self.paginate_queryset(self.filter_queryset(queryset))
        return self.get_paginated_response(serializer_class(rows, many=True, context={"view": self}).data)

    def answer(
        self, serializer_class: type[BaseSerializer[Any]], row: Any, *, status: int = 200, location: str = ""
    ) -> Response:
        headers = {"Location": location} if location else None
        return Response(serializer_class(row, context={"view": self}).data, status=status, headers=headers)

    def afterwards(self, request: ApiRequest, response: HttpResponseBase) -> HttpResponseBase:
        """A chance to look at a success after everything is committed; see `Prefer: wait` of the events."""
        return response

    # --- the way of a request

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        self.args, self.kwargs = args, kwargs
        self.headers = self.default_response_headers
        self.request = self.initialize_request(request, *args, **kwargs)
        with ExitStack() as self._contexts, translation.override("en"):
            try:
                self.initial(self.request, *args, **kwargs)
                response = self._answer_once(self.request, *args, **kwargs)
            except Exception as error:
                response = self.handle_exception(error)
            self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        key = self._authenticated(request)
        self._contexts.enter_context(tenant_context(key.tenant_id))
        self._contexts.enter_context(acting_as(Actor("key", key.pk, str(key))))
        self._limit_rate(key)
        method = str(request.method)
        if method.lower() not in self.http_method_names or not hasattr(self, method.lower()):
            raise MethodNotAllowed(method)
        self._check_scope(key, method)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        if any("\0" in value for value in kwargs.values() if isinstance(value, str)):
            raise not_found()
        if "%00" in request.META.get("QUERY_STRING", ""):
            names = [
                name for name, values in request.query_params.lists() if "\0" in "".join([name, *map(str, values)])
            ]
            raise invalid({name.replace("\0", "�"): ["Contains the character U+0000; remove it."] for name in names})

    def _answer_once(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        handler = getattr(self, request.method.lower())
        token = request.headers.get(idempotency.HEADER)
        response: HttpResponseBase
        if request.method == "POST" and token is not None:
            response = idempotency.answer_once(
                api_key=request.auth,
                key=token,
                address=request.get_full_path(),
                body=request._request.body,
                answer=lambda: handler(request, *args, **kwargs),
            )
        else:
            response = handler(request, *args, **kwargs)
        return self.afterwards(request, response) if response.status_code < 400 else response

    def _authenticated(self, request: Request) -> ApiKey:
        key = request.auth
        if not isinstance(key, ApiKey):
            raise missing_key()
        if key.kind == ApiKey.Kind.PUBLISHABLE:
            self._origin = cors.allowed_origin(key, request.META.get("HTTP_ORIGIN", ""))
        return key

    def _limit_rate(self, key: ApiKey) -> None:
        self._verdict = limiter().take(buckets_of(key))
        if not self._verdict.granted:
            seconds = max(1, round(self._verdict.wait + 0.5))
            error = ApiError(429, "rate_limited", f"Too many requests; wait {seconds} s and send fewer at a time.")
            error.headers["Retry-After"] = str(seconds)
            raise error

    def _check_scope(self, key: ApiKey, method: str) -> None:
        scope = self.scope_of(method)
        if key.kind == ApiKey.Kind.PUBLISHABLE:
            if not self.publishable:
                raise ApiError(403, "secret_key_needed", "A publishable key can only send events and identify.")
        elif scope != ANY_KEY and scope not in key.scopes:
            raise ApiError(403, "scope_missing", f"The key lacks the scope {scope}; give it under Workspace → Keys.")

    @classmethod
    def scope_of(cls, method: str) -> str:
        if isinstance(cls.required_scope, str):
            return cls.required_scope
        return cls.required_scope["GET" if method == "HEAD" else method]

    def handle_exception(self, exc: Exception) -> Response:
        error = as_api_error(exc)
        if error is None:
            reference = uuid.uuid4().hex
            # Where it went wrong, not what with: an exception's words may quote what was sent.
            frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(exc.__traceback__)]
            logger.error("api_request_failed", fault=type(exc).__name__, frames=frames, reference=reference)
            got_request_exception.send(sender=type(self), request=self.request._request)
            error = ApiError(500, INTERNAL.code, f"{INTERNAL.message} Reference: {reference}.")
        if isinstance(exc, MethodNotAllowed):
            error.headers["Allow"] = ", ".join(self.allowed_methods)
        self.request.accepted_renderer = JSONRenderer()  # the refusal may be one of the Accept header
        self.request.accepted_media_type = JSONRenderer.media_type
        response = Response(body_of(error), status=error.status_code, headers=error.headers)
        response.exception = True
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        if self._verdict is not None:
            key = request.auth
            assert isinstance(key, ApiKey)
            limit = min(buckets_of(key), key=lambda bucket: bucket.rate)
            final.headers["RateLimit-Limit"] = str(int(limit.burst))
            final.headers["RateLimit-Remaining"] = str(self._verdict.remaining)
            final.headers["RateLimit-Reset"] = str(round(self._verdict.wait + 0.5))
        if self._origin:
            cors.allow(final, self._origin)
        final._has_been_logged = True  # type: ignore[attr-defined]  # Django would log the address, ids and all
        return final
