"""What the API takes and gives."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from segments.models import Change, Segment, Stage
from segments.queries import rule_in_words
from segments.queries.why import CausingEvent, Step
from urm.rules import Explanation, Names, RuleError
from urm.rules.explain import Evidence

LANGUAGES = ("en", "zh-hans")
RULE_HELP = "A rule; its language is described by GET /api/v1/rule-schema."


def in_words(rule: Mapping[str, Any], names: Names) -> dict[str, str] | None:
    """The rule as a sentence by language; None for a stored rule that no longer checks."""
    try:
        return {language: rule_in_words(rule, language, names=names) for language in LANGUAGES}
    except RuleError:
        return None


@extend_schema_field({"type": "object", "additionalProperties": True})
class RuleField(serializers.DictField):
    pass


class WordsOut(serializers.Serializer[Any]):
    en = serializers.CharField()
    zh_hans = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        return {name.replace("_", "-"): field for name, field in fields.items()}


class SegmentOut(serializers.Serializer[Segment]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    kind = serializers.CharField(help_text="dynamic (by a rule) or static (a list).")
    rule = RuleField(help_text="Empty for a static list.")
    words = serializers.SerializerMethodField(help_text="The rule as a sentence; null for a list or a broken rule.")
    size = serializers.SerializerMethodField(help_text="How many members are in it now.")
    computing = serializers.BooleanField(source="stale", help_text="Whether a new rule is still being computed.")
    computing_percent = serializers.SerializerMethodField(
        help_text="How far that is in a large workspace; null where it is a matter of a moment."
    )
    problem = serializers.CharField(help_text="Why the rule cannot be computed any more; empty if it can.")
    value_proposition = serializers.CharField()
    snapshot_of = serializers.IntegerField(
        allow_null=True, help_text="Of a list that was frozen from a segment: the id of that segment."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @extend_schema_field(WordsOut(allow_null=True))
    def get_words(self, segment: Segment) -> dict[str, str] | None:
        return in_words(segment.rule, self.context["names"]) if segment.rule else None

    def get_computing_percent(self, segment: Segment) -> int | None:
        percent: int | None = self.context.get("percent")
        return percent if segment.stale else None

    def get_size(self, segment: Segment) -> int:
        size: int = self.context["sizes"].get(segment.pk, 0)
        return size


class SegmentIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=Segment.Kind.choices, default=Segment.Kind.DYNAMIC)
    rule = RuleField(required=False, allow_null=True, default=None, help_text=RULE_HELP)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    value_proposition = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class SegmentChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100, required=False)
    rule = RuleField(required=False, help_text=RULE_HELP)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    value_proposition = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class PreviewIn(serializers.Serializer[Any]):
    rule = RuleField(help_text=RULE_HELP)
    as_of = serializers.DateTimeField(required=False, default=None, allow_null=True, help_text="Now if absent.")
    contributions = serializers.BooleanField(
        default=False, help_text="Also count what each condition lets through; refused if that takes over 8 seconds."
    )
    exact = serializers.BooleanField(
        default=True,
        help_text="With `contributions`: false counts a fixed sample of a large workspace, in a second; `margin` says"
        " how near that is.",
    )


class SampleOut(serializers.Serializer[Any]):
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()


class ConditionOut(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="Its place in the request, as errors name it: rule, rule.all[0] …")
    alone = serializers.IntegerField(help_text="Members who meet this condition or group.")
    share = serializers.FloatField(help_text="Of `everybody`.")
    together = serializers.IntegerField(
        allow_null=True,
        help_text="Members who meet it and all that stand before it in the same `all`; null elsewhere, and in rules of"
        " more than 40 conditions.",
    )


class PreviewOut(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    everybody = serializers.IntegerField(
        required=False, help_text="With `contributions`: members there were at `as_of`."
    )
    margin = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="With `contributions`: half of a 95 % interval around `count`; null where everybody was counted.",
    )
    conditions = ConditionOut(
        many=True,
        required=False,
        help_text="With `contributions`: the whole rule first, then each part in the order in which it stands there.",
    )
    sample = SampleOut(many=True)
    words = WordsOut()
    as_of = serializers.DateTimeField()
    read_now = serializers.ListField(
        child=serializers.CharField(),
        help_text="With `as_of`: the facts in the rule that were read as they are now nevertheless.",
    )


class ListMembersIn(serializers.Serializer[Any]):
    external_ids = serializers.ListField(
        child=serializers.CharField(max_length=200),
        min_length=1,
        max_length=1000,
        help_text="Members to put on the list.",
    )


class ListMembersOut(serializers.Serializer[Any]):
    added = serializers.IntegerField(help_text="How many were not on the list yet.")


class MemberSegmentOut(serializers.Serializer[Segment]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class StageOut(serializers.Serializer[Stage]):
    key = serializers.CharField()
    label_en = serializers.CharField()
    label_zh = serializers.CharField()


class MemberSegmentsOut(serializers.Serializer[Any]):
    segments = MemberSegmentOut(many=True)
    stage = StageOut(allow_null=True)
    stage_since = serializers.DateTimeField(allow_null=True)


def explained(node: Explanation) -> dict[str, Any]:
    """The tree as JSON. Conditions have `expected` and `actual`, groups have `children`."""
    shown: dict[str, Any] = {"kind": node.kind, "words": node.words, "met": node.met}
    if node.kind == "condition":
        shown |= {"expected": node.expected, "actual": node.actual}
        if node.event is not None:
            shown["event"] = {**event_out(node.event), "counted": node.event.counted}
    else:
        shown["children"] = [explained(child) for child in node.children]
    return shown


def event_out(event: Evidence | CausingEvent) -> dict[str, Any]:
    return {"id": event.id, "name": event.name, "occurred_at": _moment(event.occurred_at), "amount": event.amount}


def _moment(at: datetime) -> str | None:
    """As serializers write it."""
    return serializers.DateTimeField().to_representation(at)


def step_out(step: Step) -> dict[str, Any]:
    return {
        "entered": step.entered,
        "at": _moment(step.at),
        "cause": step.cause,
        "event": event_out(step.event) if step.event else None,
    }


_EVENT_OUT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "occurred_at", "amount"],
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "occurred_at": {"type": "string", "format": "date-time"},
        "amount": {"type": "string", "nullable": True},
    },
}
_DECIDING_OUT: dict[str, Any] = {
    "type": "object",
    "required": [*_EVENT_OUT["required"], "counted"],
    "properties": {
        **_EVENT_OUT["properties"],
        "counted": {
            "type": "boolean",
            "description": "false: nothing lies in the window, and this is the last one before it.",
        },
    },
    "description": "The event that decided a condition on events: the first, last, least or greatest where that is"
    " asked; of counts, sums and averages the one since which it has been met, or not.",
}
EXPLANATION_OUT: dict[str, Any] = {
    "type": "object",
    "required": ["in_segment", "explanation", "history"],
    "properties": {
        "in_segment": {"type": "boolean", "description": "What is stored: may lag behind for some seconds."},
        "explanation": {
            "type": "object",
            "required": ["kind", "words", "met"],
            "properties": {
                "kind": {"type": "string", "enum": ["all", "any", "not", "condition"]},
                "words": {"type": "string"},
                "met": {"type": "boolean"},
                "expected": {"type": "string", "description": "Of a condition."},
                "actual": {"type": "string", "description": "Of a condition."},
                "event": _DECIDING_OUT,
                "children": {
                    "type": "array",
                    "items": {"type": "object"},
                    "description": "Of a group.",
                },
            },
        },
        "history": {
            "type": "array",
            "description": "Entries and exits, newest first; at most 50.",
            "items": {
                "type": "object",
                "required": ["entered", "at", "cause", "event"],
                "properties": {
                    "entered": {"type": "boolean"},
                    "at": {"type": "string", "format": "date-time"},
                    "cause": {"type": "string", "enum": Change.Cause.values},
                    "event": {**_EVENT_OUT, "nullable": True, "description": "What happened, if something did."},
                },
            },
        },
    },
}

RULE_EXAMPLE = {"fact": "event", "name": "purchase", "measure": "count", "op": "gte", "value": 3}
WORDS_EXAMPLE = {"en": "bought at least 3 times", "zh-hans": "购买次数不少于 3"}
SEGMENT_EXAMPLE = {
    "id": 7,
    "name": "Regulars",
    "description": "",
    "kind": "dynamic",
    "rule": {"version": 1, **RULE_EXAMPLE},
    "words": WORDS_EXAMPLE,
    "size": 1284,
    "computing": False,
    "computing_percent": None,
    "problem": "",
    "value_proposition": "Free delivery for those who come often.",
    "snapshot_of": None,
    "created_at": "2026-03-01T09:30:00Z",
    "updated_at": "2026-03-01T09:30:00Z",
}
SNAPSHOT_EXAMPLE = {
    **SEGMENT_EXAMPLE,
    "id": 12,
    "name": "Regulars · 2026-03-01 10:30",
    "description": "“Regulars” as it was when this list was made",
    "kind": "static",
    "rule": {},
    "words": None,
    "snapshot_of": 7,
}
EXPLANATION_EXAMPLE = {
    "in_segment": False,
    "explanation": {
        "kind": "condition",
        "words": WORDS_EXAMPLE["en"],
        "met": False,
        "expected": "at least 3",
        "actual": "1",
        "event": {
            "id": 41,
            "name": "purchase",
            "occurred_at": "2026-02-01T09:30:00Z",
            "amount": "20.0000",
            "counted": True,
        },
    },
    "history": [
        {
            "entered": False,
            "at": "2026-03-01T09:30:00Z",
            "cause": "time",
            "event": None,
        }
    ],
}
