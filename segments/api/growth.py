"""How a segment came about and grows: entries and exits, size by day, snapshots, and what it shares with others."""

from typing import Any

from django.http.response import HttpResponseBase
from django_filters import BooleanFilter, IsoDateTimeFilter
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from members.api.members import member_or_404
from members.queries.merging import history_ids
from segments.actions import freeze_segment
from segments.api import shapes
from segments.api.parameters import whole_number
from segments.api.segments import segment_answer, segment_context, segment_or_404
from segments.models import Change, Segment
from segments.queries import trend
from segments.queries.history import external_ids_of, segment_changes
from segments.queries.overlap import MOST, combination_rule, overlap
from segments.queries.why import steps_with_events
from urm.rest.errors import invalid
from urm.rest.filters import StrictFilterSet, refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

MAX_DAYS = 366
STEP_EXAMPLE = {
    "id": 9021,
    "external_id": "c-1024",
    "entered": True,
    "at": "2026-03-01T09:30:01Z",
    "cause": "member",
    "event_id": 41,
}
EVENT_EXAMPLE = {"id": 41, "name": "purchase", "occurred_at": "2026-03-01T09:30:00Z", "amount": "20.0000"}
_SEGMENTS = OpenApiParameter(
    "segment",
    {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": MOST},
    required=True,
    description="Id of a segment; once for each: `?segment=3&segment=7`.",
)
_DAYS = OpenApiParameter(
    "days",
    {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": 30},
    description="How many local days, the present one included.",
)


class StepFilters(StrictFilterSet):
    entered = BooleanFilter(label="true for entries only, false for exits only.")
    at_from = IsoDateTimeFilter(field_name="at", lookup_expr="gte", label="At or after.")
    at_before = IsoDateTimeFilter(field_name="at", lookup_expr="lt", label="Before.")


class StepOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    external_id = serializers.CharField(
        allow_null=True, help_text="Of the member as known today; null without one, and of an erased member."
    )
    entered = serializers.BooleanField(help_text="false: left.")
    at = serializers.DateTimeField()
    cause = serializers.ChoiceField(
        choices=Change.Cause.values,
        help_text="member: something happened to or was done by the member; time: time passed; rule: the rule changed.",
    )
    event_id = serializers.IntegerField(
        allow_null=True, help_text="Of what happened, as the timeline numbers it; null where no event led to it."
    )


class EventOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    amount = serializers.CharField(allow_null=True)


class MemberStepOut(StepOut):
    event = EventOut(allow_null=True, help_text="What happened; null where nothing did, and for what is deleted since.")


class SegmentHistory(ApiView):
    required_scope = "segments.view"
    filterset_class = StepFilters
    ordering = ("-at", "-id")

    @documented(
        "List who entered and left a segment",
        answer=StepOut,
        many=True,
        example=STEP_EXAMPLE,
        description="Newest first. Who was in when the segment was made or its rule changed has `rule` as the cause.",
    )
    def get(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        segment = segment_or_404(self, segment_id)
        rows: list[Change] = self.paginate_queryset(self.filter_queryset(segment_changes(segment))) or []
        known = external_ids_of(row.member_id for row in rows)
        shown = [_step(row, known.get(row.member_id)) for row in rows]
        return self.get_paginated_response(StepOut(shown, many=True).data)


class MemberHistory(ApiView):
    required_scope = "segments.view"
    filterset_class = StepFilters
    ordering = ("-at", "-id")

    @documented(
        "List when a member entered and left a segment",
        answer=MemberStepOut,
        many=True,
        example={**STEP_EXAMPLE, "event": EVENT_EXAMPLE},
        description="Newest first, with what caused it. What happened under an id merged into this member is part of"
        " it. Why the member is in or not *now*, condition by condition, says `…/explain/{external_id}`.",
    )
    def get(self, request: ApiRequest, segment_id: int, external_id: str) -> HttpResponseBase:
        segment, member = segment_or_404(self, segment_id), member_or_404(external_id)
        found = segment_changes(segment, history_ids([member.pk]))
        rows: list[Change] = self.paginate_queryset(self.filter_queryset(found)) or []
        shown = [
            {**_step(row, member.external_id), "event": step.event}
            for row, step in zip(rows, steps_with_events(rows), strict=True)
        ]
        return self.get_paginated_response(MemberStepOut(shown, many=True).data)


def _step(row: Change, external_id: str | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "external_id": external_id,
        "entered": row.entered,
        "at": row.at,
        "cause": row.cause,
        "event_id": row.event_id,
    }


class SizeOut(serializers.Serializer[Any]):
    day = serializers.DateField()
    size = serializers.IntegerField(help_text="At the end of the day; of the present day, now.")


class TrendOut(serializers.Serializer[Any]):
    time_zone = serializers.CharField(help_text="Days are those of this zone.")
    days = SizeOut(many=True, help_text="Oldest first.")


class SegmentTrend(ApiView):
    required_scope = "segments.view"

    @documented(
        "Read how a segment grew",
        answer=TrendOut,
        parameters=[_DAYS],
        example={"time_zone": "Europe/Zurich", "days": [{"day": "2026-03-01", "size": 1284}]},
        description="Worked out from the size now and the entries and exits since, those by a changed rule included.",
    )
    def get(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        refuse_unknown(request, {"days"})
        days = whole_number(request, "days", 30, MAX_DAYS)
        found = trend(segment_or_404(self, segment_id), days)
        return self.answer(TrendOut, {"time_zone": self.workspace.time_zone, "days": found})


class SnapshotIn(serializers.Serializer[Any]):
    name = serializers.CharField(
        max_length=100,
        required=False,
        allow_blank=True,
        default="",
        help_text="The segment's name and the local moment if absent.",
    )


class SegmentSnapshots(ApiView):
    required_scope = {"GET": "segments.view", "POST": "segments.change"}
    ordering = ("-created_at", "-id")

    @documented(
        "List a segment's snapshots",
        answer=shapes.SegmentOut,
        many=True,
        example=shapes.SNAPSHOT_EXAMPLE,
        description="Each is a static list: its members are at `/segments/{id}/members`, and it is removed as one.",
    )
    def get(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        segment = segment_or_404(self, segment_id)
        rows = self.paginate_queryset(self.filter_queryset(Segment.objects.filter(snapshot_of=segment.pk))) or []
        context = segment_context()
        return self.get_paginated_response([shapes.SegmentOut(row, context=context).data for row in rows])

    @documented(
        "Take a snapshot of a segment",
        request=SnapshotIn,
        answer=shapes.SegmentOut,
        status=201,
        example=shapes.SNAPSHOT_EXAMPLE | {"size": 0, "computing": True},
        request_example={"name": "Regulars before the sale"},
        description="A new static list of everybody who is in the segment now. `size` follows within moments:"
        " `computing` says whether that goes on.",
    )
    def post(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        segment = segment_or_404(self, segment_id)
        return segment_answer(freeze_segment(segment=segment, **self.valid(SnapshotIn)), status=201)


class OverlapSegmentOut(serializers.Serializer[Segment]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField()


class CombinationOut(serializers.Serializer[Any]):
    inside = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of the segments they are all in.")
    outside = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of those they are in none of.")
    count = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of `anywhere`.")
    rule = shapes.RuleField(help_text="The rule of this part: save it with POST /api/v1/segments.")


class OverlapOut(serializers.Serializer[Any]):
    segments = OverlapSegmentOut(many=True)
    anywhere = serializers.IntegerField(help_text="Members who are in one of them at least.")
    combinations = CombinationOut(many=True, help_text="Largest first; each member counts in exactly one.")


class SegmentOverlap(ApiView):
    required_scope = "segments.view"

    @documented(
        "Read how segments overlap",
        answer=OverlapOut,
        parameters=[_SEGMENTS],
        example={
            "segments": [{"id": 3, "name": "Big spenders", "size": 120}, {"id": 7, "name": "Regulars", "size": 200}],
            "anywhere": 250,
            "combinations": [
                {
                    "inside": [7],
                    "outside": [3],
                    "count": 130,
                    "share": 0.52,
                    "rule": {
                        "version": 1,
                        "all": [
                            {"not": {"fact": "segment", "id": 3, "op": "is_true"}},
                            {"fact": "segment", "id": 7, "op": "is_true"},
                        ],
                    },
                }
            ],
        },
        description=f"How many members are in exactly which of up to {MOST} segments.",
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        refuse_unknown(request, {"segment"})
        chosen = _chosen(request)
        found = overlap(chosen)
        combinations = [
            {
                "inside": [segment.pk for at, segment in enumerate(chosen) if at in places],
                "outside": [segment.pk for at, segment in enumerate(chosen) if at not in places],
                "count": count,
                "share": count / found.anywhere,
                "rule": combination_rule(chosen, places),
            }
            for places, count in found.combinations
        ]
        sized = [
            {"id": segment.pk, "name": segment.name, "size": size}
            for segment, size in zip(chosen, found.sizes, strict=True)
        ]
        return self.answer(OverlapOut, {"segments": sized, "anywhere": found.anywhere, "combinations": combinations})


def _chosen(request: ApiRequest) -> list[Segment]:
    given = request.query_params.getlist("segment")
    if not 1 <= len(given) <= MOST or not all(one.isascii() and one.isdigit() and len(one) < 10 for one in given):
        raise invalid({"segment": [f"Give 1 to {MOST} ids of segments: ?segment=3&segment=7."]})
    ids = list(dict.fromkeys(int(one) for one in given))
    known = Segment.objects.in_bulk(ids)
    missing = [str(pk) for pk in ids if pk not in known]
    if missing:
        raise invalid({"segment": [f"There is no such segment in this workspace: {', '.join(missing)}."]})
    return [known[pk] for pk in ids]
