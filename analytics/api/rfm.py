"""The RFM grid: its cells and limits, who stands in it, and segments made of it."""

from typing import Any

from django.http.response import HttpResponseBase
from django_filters import ChoiceFilter
from rest_framework import serializers
from rest_framework.response import Response

from analytics.actions import make_rfm_segment, request_rfm
from analytics.api.shapes import TextOut, in_both_languages
from analytics.models import RfmGrid, RfmScore
from analytics.queries.rfm import READY, Block, block_rule, cells, count_in, is_empty, latest_grid
from segments.api.segments import segment_answer
from segments.api.shapes import SEGMENT_EXAMPLE, RuleField, SegmentOut
from segments.queries.history import external_ids_of
from urm.rest.errors import ApiError
from urm.rest.filters import StrictFilterSet, refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

_SCORES = [(str(score), str(score)) for score in range(1, 6)]
_RULE_EXAMPLE = {
    "version": 1,
    "all": [
        {"fact": "event", "name": "purchase", "measure": "days_since_last", "op": "lte", "value": 12.5},
        {"fact": "event", "name": "purchase", "measure": "count", "window": {"days": 365}, "op": "gte", "value": 4},
    ],
}
EXAMPLE = {
    "day": "2026-03-01",
    "computed_at": "2026-03-01T01:00:02Z",
    "computing": False,
    "window_days": 365,
    "event": "purchase",
    "currency": "CHF",
    "buyers": 812,
    "limits": [{"score": 5, "r": 12.5, "f": 6, "m": 480.0}],
    "cells": [{"r": 5, "f": 4, "count": 41, "amount": "20310.5000"}],
    "ready": [
        {
            "name": "champions",
            "label": {"en": "Champions", "zh-hans": "冠军客户"},
            "advice": {
                "en": "Bought lately and often: thank them, ask them to recommend you.",
                "zh-hans": "近期购买且频繁：致谢，并邀请他们推荐。",
            },
            "cells": [{"r": [5, 5], "f": [4, 5]}],
            "count": 96,
            "rule": _RULE_EXAMPLE,
        }
    ],
}
MEMBER_EXAMPLE = {
    "external_id": "c-1024",
    "r": 5,
    "f": 4,
    "m": 5,
    "last_at": "2026-02-27T10:12:00Z",
    "orders": 7,
    "amount": "640.5000",
}


class LimitOut(serializers.Serializer[Any]):
    score = serializers.IntegerField()
    r = serializers.FloatField(allow_null=True, help_text="Most days since the last purchase for this score or better.")
    f = serializers.IntegerField(allow_null=True, help_text="Fewest orders for it.")
    m = serializers.FloatField(allow_null=True, help_text="Least amount for it.")


class CellOut(serializers.Serializer[Any]):
    r = serializers.IntegerField(help_text="Recency, 1 to 5; 5 is best.")
    f = serializers.IntegerField(help_text="Frequency, 1 to 5; 5 is best.")
    count = serializers.IntegerField()
    amount = serializers.DecimalField(max_digits=28, decimal_places=4, help_text="What they spent together.")


class BlockOut(serializers.Serializer[Any]):
    r = serializers.ListField(child=serializers.IntegerField(), help_text="From and to, both included.")
    f = serializers.ListField(child=serializers.IntegerField(), help_text="From and to, both included.")


class ReadyOut(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="For POST /api/v1/rfm/segments.")
    label = TextOut()  # type: ignore[assignment]  # a field, as the metaclass sees it
    advice = TextOut()
    cells = BlockOut(many=True)
    count = serializers.IntegerField(help_text="Buyers who stand there, by equal sizes.")
    rule = RuleField(
        allow_null=True,
        help_text="By the frozen limits: who has the same number of orders is together there, so the count may differ."
        " null where no limit parts these scores.",
    )


class GridOut(serializers.Serializer[Any]):
    day = serializers.DateField(allow_null=True, help_text="null while nobody has bought yet.")
    computed_at = serializers.DateTimeField(allow_null=True)
    computing = serializers.BooleanField(help_text="Whether it was asked for anew.")
    window_days = serializers.IntegerField(allow_null=True, help_text="Purchases of so many local days count.")
    event = serializers.CharField(allow_null=True, help_text="What counts as a purchase.")
    currency = serializers.CharField(help_text="Of amounts.")
    buyers = serializers.IntegerField()
    limits = LimitOut(many=True, help_text="Best first.")
    cells = CellOut(many=True, help_text="Cells without anybody are left out.")
    ready = ReadyOut(
        many=True, help_text="Segments everybody knows by name; together they cover the grid, each cell once."
    )


class RfmMemberOut(serializers.Serializer[Any]):
    external_id = serializers.CharField(allow_null=True)
    r = serializers.IntegerField()
    f = serializers.IntegerField()
    m = serializers.IntegerField()
    last_at = serializers.DateTimeField(help_text="The last purchase.")
    orders = serializers.IntegerField()
    amount = serializers.DecimalField(max_digits=24, decimal_places=4)


class RfmSegmentIn(serializers.Serializer[Any]):
    ready = serializers.ChoiceField(choices=[one.key for one in READY], required=False)
    r = serializers.IntegerField(min_value=1, max_value=5, required=False, help_text="With `f`, instead of `ready`.")
    f = serializers.IntegerField(min_value=1, max_value=5, required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if set(given) not in ({"ready"}, {"r", "f"}):
            raise serializers.ValidationError("Give either `ready`, or both `r` and `f`.")
        return given


class ComputingOut(serializers.Serializer[Any]):
    computing = serializers.BooleanField()


class RfmMemberFilters(StrictFilterSet):
    r = ChoiceFilter(choices=_SCORES, label="Recency score.")
    f = ChoiceFilter(choices=_SCORES, label="Frequency score.")
    m = ChoiceFilter(choices=_SCORES, label="Money score.")


class Rfm(ApiView):
    required_scope = {"GET": "analytics.view", "POST": "segments.change"}

    @documented(
        "Read the RFM grid",
        answer=GridOut,
        example=EXAMPLE,
        description="Recency, frequency and money of every buyer, scored by equal sizes (NTILE of five, ties split by"
        " id) each night; the limits between scores are frozen with it.",
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        refuse_unknown(request, set())
        grid, found = latest_grid(), cells()
        ready = [
            {
                "name": one.key,
                "label": in_both_languages(one.title),
                "advice": in_both_languages(one.advice),
                "cells": one.blocks,
                "count": count_in(one.blocks, found),
                "rule": _rule(grid, one.blocks) if grid else None,
            }
            for one in READY
        ]
        shown = {
            "day": grid.day if grid else None,
            "computed_at": grid.computed_at if grid else None,
            "computing": grid.stale if grid else False,
            "window_days": grid.window_days if grid else None,
            "event": grid.event if grid else None,
            "currency": self.workspace.currency,
            "buyers": grid.buyers if grid else 0,
            "limits": _limits(grid) if grid else [],
            "cells": sorted(found.values(), key=lambda cell: (-cell.r, -cell.f)),
            "ready": ready,
        }
        return self.answer(GridOut, shown)

    @documented(
        "Compute the RFM grid anew",
        answer=ComputingOut,
        status=202,
        example={"computing": True},
        description="In the background, within moments; otherwise it is done each night. Segments made of it keep their"
        " limits.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        request_rfm()
        return Response({"computing": True}, status=202)


class RfmMembers(ApiView):
    required_scope = "members.view"
    filterset_class = RfmMemberFilters
    ordering = ("member_id",)

    @documented(
        "List buyers with their RFM scores",
        answer=RfmMemberOut,
        many=True,
        example=MEMBER_EXAMPLE,
        description="`?r=5&f=4` are those of one cell.",
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        rows: list[RfmScore] = self.paginate_queryset(self.filter_queryset(RfmScore.objects.all())) or []
        known = external_ids_of(row.member_id for row in rows)
        shown = [
            {
                "external_id": known.get(row.member_id),
                **{name: getattr(row, name) for name in MEMBER_EXAMPLE if name != "external_id"},
            }
            for row in rows
        ]
        return self.get_paginated_response(RfmMemberOut(shown, many=True).data)


class RfmSegments(ApiView):
    required_scope = "segments.change"

    @documented(
        "Make a segment of the RFM grid",
        request=RfmSegmentIn,
        answer=SegmentOut,
        status=201,
        example=SEGMENT_EXAMPLE
        | {"name": "Champions", "rule": _RULE_EXAMPLE, "size": 0, "computing": True, "value_proposition": ""},
        request_example={"ready": "champions"},
        errors={409: "no_limit"},
        description="An ordinary segment whose rule holds the frozen limits; its members are found within moments."
        " Refused with 409 `no_grid` while nobody has bought, `no_limit` where too many have the same count.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        given = self.valid(RfmSegmentIn)
        grid = latest_grid()
        if grid is None:
            raise ApiError(409, "no_grid", "Nobody has bought yet, or the grid waits to be computed: POST /api/v1/rfm.")
        chosen = next((one for one in READY if one.key == given.get("ready")), None)
        blocks = chosen.blocks if chosen else (Block((given["r"],) * 2, (given["f"],) * 2),)
        rule = _rule(grid, blocks)
        if rule is None:
            message = "Too many members have the same number of orders: no limit parts these scores."
            raise ApiError(409, "no_limit", message)
        name, about = (str(chosen.title), f"{chosen.advice} ") if chosen else (f"R{given['r']} F{given['f']}", "")
        description = f"{about}Limits frozen on {grid.day.isoformat()}."
        return segment_answer(make_rfm_segment(name=name, rule=rule, description=description), status=201)


def _rule(grid: RfmGrid, blocks: tuple[Block, ...]) -> dict[str, Any] | None:
    return None if any(is_empty(grid, block) for block in blocks) else block_rule(grid, blocks)


def _limits(grid: RfmGrid) -> list[dict[str, Any]]:
    return [
        {"score": score, **{figure: grid.cuts[figure][score - 1] for figure in ("r", "f", "m")}}
        for score in range(5, 0, -1)
    ]
