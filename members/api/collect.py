"""The door for pages: what urm.js sends, and urm.js itself."""

import functools
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from rest_framework.response import Response

from members.actions import EventError, accept_events, canonical_event, canonical_identify
from members.actions.events import Item
from members.api.shapes import COLLECT_EXAMPLE, COLLECT_IN, COLLECT_OUT
from urm.rest.authentication import BodyKeyAuthentication
from urm.rest.errors import ApiError, invalid
from urm.rest.json import CollectParser, PlainCollectParser, checked
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

MAX_BATCH = 100
TOLERATED = timedelta(minutes=1)  # a clock that is wrong by less is believed
LATEST = 9000  # a year; later ones leave no room for sums of times
SNIPPET = Path(__file__).parent.parent / "static" / "members" / "urm.js"


class Collect(ApiView):
    required_scope = "events.write"
    publishable = True
    authentication_classes = [BodyKeyAuthentication]
    parser_classes = [CollectParser, PlainCollectParser]
    max_body = 512 * 1024

    @documented(
        "Send what happened on a page",
        request=COLLECT_IN,
        answer=COLLECT_OUT,
        status=202,
        example={"accepted": 2, "refused": []},
        request_example=COLLECT_EXAMPLE,
        description="Made for urm.js. Takes text/plain as well, so that a browser asks no preflight, and a publishable "
        "key in the body, since a beacon has no headers. Everything that comes this way is untrusted. Items that can "
        "never be taken are named and left out; the others are kept.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        body = request.data
        if not isinstance(body, dict):
            raise invalid({"": ["Send an object with key, sent_at and batch."]})
        if unknown := body.keys() - {"key", "sent_at", "batch"}:
            raise invalid({min(unknown): ["Unknown field. Use key, sent_at and batch."]})
        batch = body.get("batch")
        if not isinstance(batch, list) or len(batch) > MAX_BATCH:
            raise invalid({"batch": [f"Must be a list of at most {MAX_BATCH} items."]})
        now = timezone.now()
        slow = _slowness(body.get("sent_at"), now)
        items: list[Item] = []
        refused: list[dict[str, Any]] = []
        for at, raw in enumerate(batch):
            try:
                items.append(_canonical(checked(raw, f"batch[{at}]"), now, slow))
            except EventError as error:
                refused.append({"at": at, "field": error.field, "message": error.message})
            except ApiError as error:
                [(field, [message, *_more])] = error.fields.items()
                refused.append({"at": at, "field": field, "message": message})
        if items:
            accept_events(items)
        return Response({"accepted": len(items), "refused": refused}, status=202)


def _canonical(raw: Any, now: datetime, slow: timedelta) -> Item:
    if not isinstance(raw, dict):
        raise EventError("", "Must be an object.")
    if "identify" not in raw:
        if not slow or raw.get("occurred_at") is None:
            return canonical_event(raw, trusted=False, now=now)
        item = canonical_event(raw, trusted=False, now=now + max(-slow, timedelta()))
        item["t"] = min(datetime.fromisoformat(item["t"]) + slow, now).isoformat()
        return item
    if unknown := raw.keys() - {"event_id", "identify"}:
        raise EventError(min(unknown), "Unknown field. Use event_id and identify.")
    said = raw["identify"]
    if not isinstance(said, dict):
        raise EventError("identify", "Must be an object with external_id, anonymous_id and traits.")
    return canonical_identify({**said, "event_id": raw.get("event_id")}, trusted=False, now=now)


def _slowness(sent_at: Any, now: datetime) -> timedelta:
    """By how much the sender's clock is behind ours (ahead: negative); nothing when it is about right or not told."""
    if sent_at is None:
        return timedelta()
    try:
        told = datetime.fromisoformat(sent_at)
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
        if told.year > LATEST:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise invalid({"sent_at": ["Must be an ISO 8601 date and time, such as 2026-03-01T09:30:00Z."]}) from None
    slow = now - told
    return slow if abs(slow) > TOLERATED else timedelta()


@functools.cache
def _snippet() -> tuple[bytes, str]:
    content = SNIPPET.read_bytes()
    return content, f'W/"{sha256(content).hexdigest()[:32]}"'


@gzip_page
@require_safe
def snippet(request: HttpRequest) -> HttpResponseBase:
    """urm.js for any site. Its address names the version of its commands; what changes in it later stays compatible."""
    content, etag = _snippet()
    response = HttpResponse(content, content_type="text/javascript; charset=utf-8")
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "public, max-age=86400, stale-while-revalidate=604800"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    found: HttpResponseBase | None = get_conditional_response(request, etag=etag, response=response)
    return found if found is not None else response
