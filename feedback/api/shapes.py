"""What the API takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feedback.models import Question, Response, Survey


class QuestionOut(serializers.Serializer[Question]):
    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="nps (0–10), rating (1–5), choice or text.")
    text_en = serializers.CharField()
    text_zh = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # our word for it, too
    choices = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()), help_text="[value, English, Chinese] each."
    )


class SurveyOut(serializers.Serializer[Survey]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    title_en = serializers.CharField()
    title_zh = serializers.CharField()
    active = serializers.BooleanField()
    anonymous = serializers.BooleanField()
    trigger_event = serializers.CharField()
    rest_days = serializers.IntegerField()
    quota = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()


class NpsOut(serializers.Serializer[Any]):
    n = serializers.IntegerField(help_text="How many answered the question; blanks are not in it.")
    promoters = serializers.IntegerField()
    passives = serializers.IntegerField()
    detractors = serializers.IntegerField()
    score = serializers.FloatField(
        allow_null=True, help_text="100 · (promoters − detractors) ÷ n; null below `minimum_answers`."
    )
    margin = serializers.FloatField(allow_null=True, help_text="Margin of error, 95 %: 1.96 standard errors.")
    minimum_answers = serializers.IntegerField()
    simulated = serializers.IntegerField(help_text="How many of the answers are marked as simulated.")


class SurveyDetailOut(SurveyOut):
    questions = QuestionOut(many=True)
    nps = NpsOut(allow_null=True, help_text="Null for a survey without an NPS question.")


class AnswerIn(serializers.Serializer[Any]):
    question_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    value = serializers.JSONField(allow_null=True, help_text="A number, or a text; null for no answer.")


class ResponseIn(serializers.Serializer[Any]):
    external_id = serializers.CharField(
        max_length=200, required=False, allow_null=True, help_text="Who answers; leave it out in anonymous surveys."
    )
    answers = AnswerIn(many=True)
    answered_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Now if absent.")
    simulated = serializers.BooleanField(default=False, help_text="Marks made-up answers, as in demonstrations.")


class ValueField(serializers.Field[Any, Any, Any, Any]):
    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class AnswerValue(ValueField):
    pass


class AnswerOut(serializers.Serializer[Any]):
    question_id = serializers.IntegerField()
    value = AnswerValue()


class ResponseOut(serializers.Serializer[Response]):
    id = serializers.IntegerField()
    survey_id = serializers.IntegerField()
    external_id = serializers.CharField(source="member.external_id", allow_null=True, default=None)
    answers = AnswerOut(many=True)
    nps = serializers.IntegerField(allow_null=True)
    simulated = serializers.BooleanField()
    source = serializers.CharField(help_text="page or api.")  # type: ignore[assignment]
    answered_at = serializers.DateTimeField(source="submitted_at", help_text="The day only in anonymous surveys.")
    changed_at = serializers.DateTimeField(source="updated_at", allow_null=True)


SURVEY_EXAMPLE: dict[str, Any] = {
    "id": 2,
    "name": "NPS after purchase",
    "title_en": "How did we do?",
    "title_zh": "您对我们满意吗？",
    "active": True,
    "anonymous": False,
    "trigger_event": "purchase",
    "rest_days": 90,
    "quota": None,
    "created_at": "2026-03-01T09:30:00Z",
}
SURVEY_DETAIL_EXAMPLE = SURVEY_EXAMPLE | {
    "questions": [
        {
            "id": 5,
            "kind": "nps",
            "text_en": "How likely are you to recommend us to a friend?",
            "text_zh": "您有多大可能向朋友推荐我们？",
            "required": True,
            "choices": [],
        }
    ],
    "nps": {
        "n": 402,
        "promoters": 215,
        "passives": 118,
        "detractors": 69,
        "score": 36.3,
        "margin": 7.4,
        "minimum_answers": 30,
        "simulated": 0,
    },
}
RESPONSE_EXAMPLE = {
    "id": 11,
    "survey_id": 2,
    "external_id": "c-1001",
    "answers": [{"question_id": 5, "value": 9}],
    "nps": 9,
    "simulated": False,
    "source": "api",
    "answered_at": "2026-03-01T09:30:00Z",
    "changed_at": None,
}
REQUEST_EXAMPLE = {"external_id": "c-1001", "answers": [{"question_id": 5, "value": 9}]}
