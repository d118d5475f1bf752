"""The door for events. Batches are checked in one plain loop: serializers would cost ten times as much."""

import re
import time
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from members.actions import (
    EventError,
    UnknownEventError,
    accept_events,
    canonical_event,
    canonical_identify,
    correct_event,
    delete_event,
    delete_event_numbered,
)
from members.api.shapes import EVENT_EXAMPLE, EVENT_IN, EVENTS_IN, EVENTS_OUT, IDENTIFY_IN, TRAITS_EXAMPLE
from members.queries import inbox_is_absorbed, members_are_refreshed
from urm.rest.errors import ApiError, invalid, not_found
from urm.rest.filters import refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView
from urm.tenancy.models import ApiKey

MAX_NAMED = 20  # wrong events named in one answer
LONGEST_WAIT = 5.0  # seconds
_WAIT = re.compile(r"(?:^|[,;\s])wait(?:\s*=\s*(\d{1,4}))?(?=$|[,;\s])", re.IGNORECASE)

_PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`wait` (or `wait=<seconds>`, at most 5): answer 200 once absorbed and segments are refreshed.",
)


class _Accepting(ApiView):
    required_scope = "events.write"
    publishable = True

    _entry: int | None = None
    _items: list[dict[str, Any]]

    @property
    def trusted(self) -> bool:
        return bool(self.request.auth.kind == ApiKey.Kind.SECRET)  # type: ignore[union-attr]

    def accept(self, items: list[dict[str, Any]]) -> Response:
        self._items, self._entry = items, accept_events(items)
        return Response({"accepted": len(items), "status": "accepted"}, status=202)

    def afterwards(self, request: ApiRequest, response: HttpResponseBase) -> HttpResponseBase:
        wanted = _WAIT.search(request.headers.get("Prefer", ""))
        if wanted is None or self._entry is None:
            return response
        seconds = min(LONGEST_WAIT, float(wanted[1])) if wanted[1] else LONGEST_WAIT
        if self._is_absorbed_within(seconds):
            response = Response({"accepted": len(self._items), "status": "absorbed"})
        response.headers["Preference-Applied"] = "wait"
        return response

    def _is_absorbed_within(self, seconds: float) -> bool:
        assert self._entry is not None
        until = time.monotonic() + seconds
        pause = 0.01
        while not (inbox_is_absorbed(self._entry) and members_are_refreshed(self._items)):
            if time.monotonic() + pause > until:
                return False
            time.sleep(pause)
            pause = min(0.1, pause * 1.5)
        return True


class EventList(_Accepting):
    takes_batches = True

    @documented(
        "Send events",
        request=EVENTS_IN,
        answer=EVENTS_OUT,
        status=202,
        also={200: EVENTS_OUT},
        parameters=[_PREFER],
        example={"accepted": 1, "status": "accepted"},
        request_example=EVENT_EXAMPLE,
        description="One event, or a list of up to 1,000 of which all are taken or none. 202 means that they are kept "
        "and will be absorbed within moments. An event id that was sent before is dropped without an error.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        body = request.data
        events = body if isinstance(body, list) else [body]
        if not events:
            raise invalid({"": ["The list is empty; send 1 to 1,000 events."]})
        now, trusted = timezone.now(), self.trusted
        items = []
        problems: dict[str, list[str]] = {}
        for at, event in enumerate(events):
            try:
                items.append(canonical_event(event, trusted=trusted, now=now))
            except EventError as error:
                problems[f"[{at}].{error.field}" if events is body else error.field] = [error.message]
            except AttributeError:
                problems[f"[{at}]" if events is body else ""] = ["An event must be an object."]
            if len(problems) == MAX_NAMED:
                break
        if problems:
            raise invalid(problems)
        return self.accept(items)


_BY = ("event_id", "number")


class EventDetail(ApiView):
    required_scope = "events.correct"

    @documented(
        "Correct an event",
        request=EVENT_IN,
        answer=EVENTS_OUT,
        status=202,
        example={"accepted": 1, "status": "accepted"},
        request_example={name: value for name, value in EVENT_EXAMPLE.items() if name != "event_id"},
        errors={409: "not_absorbed_yet"},
        description="Takes the place of the event that was sent with this id: what counted the old one counts the new "
        "one, points included. The address says the id; the body need not.",
    )
    def put(self, request: ApiRequest, event_id: str) -> HttpResponseBase:
        if not isinstance(request.data, dict):
            raise invalid({"": ["An event must be an object."]})
        if request.data.get("event_id") not in (None, event_id):
            raise invalid({"event_id": ["Must be the id in the address, or absent."]})
        try:
            correct_event(event_id=event_id, event=request.data)
        except EventError as error:
            raise invalid({error.field: [error.message]}) from error
        except UnknownEventError as error:
            raise _unknown(error) from error
        return Response({"accepted": 1, "status": "accepted"}, status=202)

    @documented(
        "Delete an event",
        status=204,
        errors={409: "not_absorbed_yet"},
        parameters=[
            OpenApiParameter(
                "by",
                str,
                enum=list(_BY),
                default=_BY[0],
                description="`number`: the address holds the `id` in the timeline, for events sent without one.",
            )
        ],
        description="By the id it was sent with. Counts, segments, figures and points are made again without it; the "
        "id is never taken again. Points that were spent already cannot be taken back: staff are told.",
    )
    def delete(self, request: ApiRequest, event_id: str) -> HttpResponseBase:
        refuse_unknown(request, {"by"})
        by = request.query_params.get("by", _BY[0])
        if by not in _BY:
            raise invalid({"by": [f"Use one of: {', '.join(_BY)}."]})
        try:
            if by == "event_id":
                delete_event(event_id=event_id)
            elif event_id.isascii() and event_id.isdigit() and len(event_id) < 19:
                delete_event_numbered(number=int(event_id))
            else:
                raise UnknownEventError(waiting=False)
        except UnknownEventError as error:
            raise _unknown(error) from error
        return Response(status=204)


def _unknown(error: UnknownEventError) -> ApiError:
    if error.waiting:
        return ApiError(409, "not_absorbed_yet", "Events sent lately are still being absorbed. Try again in a moment.")
    return not_found("event")


class Identify(_Accepting):
    @documented(
        "Tell who a visitor is",
        request=IDENTIFY_IN,
        answer=EVENTS_OUT,
        status=202,
        also={200: EVENTS_OUT},
        parameters=[_PREFER],
        example={"accepted": 1, "status": "accepted"},
        request_example={"external_id": "c-1024", "anonymous_id": "v-77", "traits": TRAITS_EXAMPLE},
        description="Says that ids are one person's. What visitors did before comes along. With a secret key any kinds "
        "of identity may be given; two known members are only merged for kinds that the workspace merges. With a "
        "publishable key, traits only fill a member that this request creates.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        if not isinstance(request.data, dict):
            raise invalid({"": ["Send an object with external_id, anonymous_id and traits."]})
        try:
            item = canonical_identify(request.data, trusted=self.trusted, now=timezone.now())
        except EventError as error:
            raise ApiError(400, "invalid", f"{error.field}: {error.message}", {error.field: [error.message]}) from error
        return self.accept([item])
