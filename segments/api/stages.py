"""Lifecycle stages: what they are, how members move through them, for how long, and the targets."""

import re
from datetime import date, timedelta
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from segments.actions import remove_stage_target, set_stage_target
from segments.api import shapes
from segments.api.parameters import whole_number
from segments.models import Stage, StageTarget
from segments.queries.conditions import stage_sizes
from segments.queries.flow import NEW, NONE, Goal, Stay, goal_of, goals, stage_flow, stays
from urm.rest.errors import invalid
from urm.rest.filters import refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView
from urm.rules.workspace import current_names

MAX_DAYS = 730
MAX_MONTHS = 24
_MONTH = r"^20\d\d-(0[1-9]|1[0-2])$"
_DAYS = OpenApiParameter(
    "days",
    {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": 30},
    description="How far to look back: so many times 24 hours.",
)
STAGE_EXAMPLE = {
    "key": "loyalty",
    "label_en": "Loyalty",
    "label_zh": "忠诚",
    "position": 3,
    "flow": 4,
    "rule": {"version": 1, **shapes.RULE_EXAMPLE},
    "words": shapes.WORDS_EXAMPLE,
    "size": 431,
    "share": 0.12,
    "computing": False,
    "problem": "",
}
TARGET_EXAMPLE = {
    "id": 4,
    "stage": "loyalty",
    "month": "2026-03",
    "metric": "entered",
    "goal": 200,
    "reached": 150,
    "share": 0.75,
    "over": False,
}


class StageDetailOut(serializers.Serializer[Stage]):
    key = serializers.CharField()
    label_en = serializers.CharField()
    label_zh = serializers.CharField()
    position = serializers.IntegerField(help_text="Rules are tried in this order; the first that holds decides.")
    flow = serializers.IntegerField(help_text="Its place in the life of a member.")
    rule = shapes.RuleField()
    words = serializers.SerializerMethodField(help_text="The rule as a sentence; null for a broken rule.")
    size = serializers.SerializerMethodField(help_text="Members in it now.")
    share = serializers.SerializerMethodField(help_text="Of all members; null while there are none.")
    computing = serializers.BooleanField(source="stale", help_text="Whether a new rule is still being computed.")
    problem = serializers.CharField(help_text="Why the rule cannot be computed any more; empty if it can.")

    @extend_schema_field(shapes.WordsOut(allow_null=True))
    def get_words(self, stage: Stage) -> dict[str, str] | None:
        return shapes.in_words(stage.rule, self.context["names"])

    def get_size(self, stage: Stage) -> int:
        return int(self.context["sizes"].get(stage.pk, 0))

    def get_share(self, stage: Stage) -> float | None:
        everybody = sum(self.context["sizes"].values())
        return self.get_size(stage) / everybody if everybody else None


class StagesOut(serializers.Serializer[Any]):
    data = StageDetailOut(many=True)  # type: ignore[assignment]  # a field, as the metaclass sees it
    without_stage = serializers.IntegerField(
        help_text="Members for whom no stage's rule holds; who is new is counted once looked at."
    )


class MoveOut(serializers.Serializer[Any]):
    source = serializers.CharField(  # type: ignore[assignment]  # as above
        help_text=f"Key of the stage, `{NEW}` (not a member yet) or `{NONE}` (in no stage)."
    )
    target = serializers.CharField(help_text=f"Key of the stage, or `{NONE}`.")
    count = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of those with the same source.")


class FlowOut(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    data = MoveOut(many=True)  # type: ignore[assignment]  # as above


class StayOut(serializers.Serializer[Any]):
    stage = serializers.CharField()
    ended = serializers.IntegerField(help_text="Stays that ended since then.")
    lower = serializers.FloatField(allow_null=True, help_text="Days: a quarter of them was shorter.")
    median = serializers.FloatField(allow_null=True, help_text="Days.")
    upper = serializers.FloatField(allow_null=True, help_text="Days: a quarter of them was longer.")
    now = serializers.FloatField(allow_null=True, help_text="Days: median of the stays that go on; null without any.")


class StaysOut(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    data = StayOut(many=True)  # type: ignore[assignment]  # as above


class TargetIn(serializers.Serializer[Any]):
    stage = serializers.CharField(max_length=40, help_text="Its key.")
    month = serializers.RegexField(_MONTH, help_text="`2026-03`, of the workspace's calendar.")
    metric = serializers.ChoiceField(
        choices=StageTarget.Metric.choices, help_text="entered: members who enter in the month; size: who are in it."
    )
    goal = serializers.IntegerField(min_value=1, max_value=1_000_000_000)


class TargetOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    stage = serializers.CharField()
    month = serializers.CharField()
    metric = serializers.ChoiceField(choices=StageTarget.Metric.choices)
    goal = serializers.IntegerField()
    reached = serializers.IntegerField(help_text="So far. A size is that of now, also for a month that is over.")
    share = serializers.FloatField(help_text="Of the goal.")
    over = serializers.BooleanField(help_text="Whether the month is.")


class TargetsOut(serializers.Serializer[Any]):
    data = TargetOut(many=True)  # type: ignore[assignment]  # as above


class StageList(ApiView):
    required_scope = "segments.view"

    @documented(
        "List the lifecycle stages",
        answer=StagesOut,
        example={"data": [STAGE_EXAMPLE], "without_stage": 12},
        description="In the order of a member's life.",
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        refuse_unknown(request, set())
        sizes = stage_sizes()
        context = {"names": current_names(), "sizes": sizes}
        rows = [StageDetailOut(stage, context=context).data for stage in Stage.objects.all()]
        return Response({"data": rows, "without_stage": sizes.get(None, 0)})


class StageFlow(ApiView):
    required_scope = "segments.view"

    @documented(
        "Read how members moved through the stages",
        answer=FlowOut,
        parameters=[_DAYS],
        example={
            "since": "2026-02-01T09:30:00Z",
            "data": [{"source": "prospect", "target": "conversion", "count": 52, "share": 0.13}],
        },
        description="Where members were `days` days ago and where they are now, by pair; who stayed has the same twice."
        " Each live member counts in one pair.",
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        refuse_unknown(request, {"days"})
        since = timezone.now() - timedelta(days=whole_number(request, "days", 30, MAX_DAYS))
        keys = {str(pk): key for pk, key in Stage.objects.values_list("pk", "key")}
        places = {place: at for at, place in enumerate([NEW, *keys, NONE])}
        moves = {pair: count for pair, count in stage_flow(since).items() if pair[0] in places and pair[1] in places}
        sources: dict[str, int] = {}
        for (source, _target), count in moves.items():
            sources[source] = sources.get(source, 0) + count
        rows = [
            {
                "source": keys.get(source, source),
                "target": keys.get(target, target),
                "count": count,
                "share": count / sources[source],
            }
            for (source, target), count in sorted(
                moves.items(), key=lambda move: (places[move[0][0]], places[move[0][1]])
            )
        ]
        return self.answer(FlowOut, {"since": since, "data": rows})


class StageStays(ApiView):
    required_scope = "segments.view"

    @documented(
        "Read how long members stay in each stage",
        answer=StaysOut,
        parameters=[_DAYS],
        example={
            "since": "2026-02-01T09:30:00Z",
            "data": [{"stage": "onboarding", "ended": 88, "lower": 2.5, "median": 6.0, "upper": 11.2, "now": 4.1}],
        },
        description="Quartiles of the stays that ended in the last `days` days; null where none did.",
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        refuse_unknown(request, {"days"})
        since = timezone.now() - timedelta(days=whole_number(request, "days", 30, MAX_DAYS))
        return self.answer(StaysOut, {"since": since, "data": [_stay(one) for one in stays(since)]})


class StageTargets(ApiView):
    required_scope = {"GET": "segments.view", "PUT": "segments.change"}

    @documented(
        "List targets of stages with what is reached",
        answer=TargetsOut,
        parameters=[
            OpenApiParameter(
                "from",
                {"type": "string", "pattern": _MONTH},
                description="First month, `2026-01`; five months before the present one if absent.",
            ),
            OpenApiParameter(
                "to",
                {"type": "string", "pattern": _MONTH},
                description="Last month, included; the next one if absent.",
            ),
        ],
        example={"data": [TARGET_EXAMPLE]},
        description=f"Newest month first; at most {MAX_MONTHS} months at once.",
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        refuse_unknown(request, {"from", "to"})
        return self.answer(TargetsOut, {"data": [_goal(one) for one in goals(self._months(request))]})

    @documented(
        "Set a target of a stage",
        request=TargetIn,
        answer=TargetOut,
        example=TARGET_EXAMPLE,
        request_example={"stage": "loyalty", "month": "2026-03", "metric": "entered", "goal": 200},
        description="One goal per stage, month and figure: another one replaces it.",
    )
    def put(self, request: ApiRequest) -> HttpResponseBase:
        given = self.valid(TargetIn)
        stage = Stage.objects.filter(key=given["stage"]).first()
        if stage is None:
            keys = ", ".join(Stage.objects.values_list("key", flat=True)) or "none yet"
            raise invalid({"stage": [f"There is no such stage; this workspace has: {keys}."]})
        target = set_stage_target(stage=stage, month=_month(given["month"]), metric=given["metric"], goal=given["goal"])
        return self.answer(TargetOut, _goal(goal_of(target)))

    def _months(self, request: ApiRequest) -> list[date]:
        given = {name: request.query_params.get(name) for name in ("from", "to")}
        wrong = {
            name: ["Give a month as 2026-03."]
            for name, text in given.items()
            if text is not None and not re.fullmatch(_MONTH, text, re.ASCII)
        }
        if wrong:
            raise invalid(wrong)
        present = timezone.localtime(timezone.now(), self.workspace.zone).date()
        first = _month(given["from"]) if given["from"] else _moved(present, -5)
        last = _month(given["to"]) if given["to"] else _moved(present, 1)
        count = (last.year - first.year) * 12 + last.month - first.month + 1
        if not 1 <= count <= MAX_MONTHS:
            raise invalid({"to": [f"Give a month that is at most {MAX_MONTHS - 1} months after `from`."]})
        return [_moved(first, number) for number in range(count)]


class StageTargetDetail(ApiView):
    required_scope = "segments.change"

    @documented("Remove a target of a stage", status=204)
    def delete(self, request: ApiRequest, target_id: int) -> HttpResponseBase:
        remove_stage_target(target=self.one(StageTarget.objects.select_related("stage"), pk=target_id))
        return Response(status=204)


def _month(text: str) -> date:
    return date(int(text[:4]), int(text[5:]), 1)


def _moved(day: date, months: int) -> date:
    """The first day of the month so many months later."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _stay(stay: Stay) -> dict[str, Any]:
    return {
        "stage": stay.stage.key,
        "ended": stay.ended,
        "lower": stay.lower,
        "median": stay.median,
        "upper": stay.upper,
        "now": stay.now,
    }


def _goal(goal: Goal) -> dict[str, Any]:
    target = goal.target
    return {
        "id": target.pk,
        "stage": target.stage.key,
        "month": f"{target.month:%Y-%m}",
        "metric": target.metric,
        "goal": target.goal,
        "reached": goal.reached,
        "share": goal.share,
        "over": goal.over,
    }
