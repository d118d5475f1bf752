"""Scores: what each means, how it is spread, and a member's own with the reasons."""

from typing import Any

from django.http.response import HttpResponseBase
from django.utils import translation
from rest_framework import serializers
from rest_framework.response import Response

from members.api.members import member_or_404
from segments.actions.scores import FORMULAS
from segments.api import shapes
from segments.models import Score
from segments.queries.scores import Spread, spreads
from urm.rest.filters import refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView
from urm.rules import Names
from urm.rules.workspace import current_names

_ABOUT = {
    "name": "activity",
    "label": {"en": "activity", "zh-hans": "活跃度"},
    "up_to": 100.0,
    "definition": {
        "en": "100 · (1 − e^(−a/4)); a is the number of days in the last 90 with at least one event of their own, a day"
        " counting half for every 30 days that it lies back.",
        "zh-hans": "100 ·（1 − e^(−a/4)）；a 为最近 90 天中有自身行为的天数，每早 30 天权重减半。",
    },
}
FORMULA_EXAMPLE = {
    **_ABOUT,
    "members": 1200,
    "lower": 12.5,
    "median": 31.0,
    "upper": 62.5,
    "bins": [{"range": "0–10", "members": 140}],
}
SCORE_EXAMPLE = {
    **_ABOUT,
    "value": 63.2,
    "reasons": [
        {
            "en": "active on 9 of the last 90 days, last on 2026-02-27",
            "zh-hans": "最近 90 天中有 9 天活跃，最近一次 2026-02-27",
        }
    ],
    "computed_at": "2026-03-01T01:30:00Z",
}


class AboutOut(serializers.Serializer[Any]):
    name = serializers.CharField(help_text='As rules ask for it: {"fact": "score", "name": …}.')
    label = shapes.WordsOut()  # type: ignore[assignment]  # a field, as the metaclass sees it
    up_to = serializers.FloatField(help_text="The highest value that it is shown against.")
    definition = shapes.WordsOut(allow_null=True, help_text="The formula; null for a score of older days.")


class BinOut(serializers.Serializer[Any]):
    range = serializers.CharField()
    members = serializers.IntegerField()


class FormulaOut(AboutOut):
    members = serializers.IntegerField(help_text="How many have the score: only those of whom enough is known.")
    lower = serializers.FloatField(allow_null=True, help_text="A quarter of them is below.")
    median = serializers.FloatField(allow_null=True)
    upper = serializers.FloatField(allow_null=True, help_text="A quarter of them is above.")
    bins = BinOut(many=True)


class FormulasOut(serializers.Serializer[Any]):
    data = FormulaOut(many=True)  # type: ignore[assignment]  # as above


class ScoreOut(AboutOut):
    value = serializers.FloatField()
    reasons = shapes.WordsOut(many=True, help_text="How the value came about.")
    computed_at = serializers.DateTimeField()


class ScoresOut(serializers.Serializer[Any]):
    data = ScoreOut(many=True)  # type: ignore[assignment]  # as above


class ScoreList(ApiView):
    required_scope = "segments.view"

    @documented("List the scores and how they are spread", answer=FormulasOut, example={"data": [FORMULA_EXAMPLE]})
    def get(self, request: ApiRequest) -> HttpResponseBase:
        refuse_unknown(request, set())
        names, found = current_names(), spreads({formula.name: formula.up_to for formula in FORMULAS})
        return Response({"data": [_about(one.name, names) | _spread(found.get(one.name)) for one in FORMULAS]})


class MemberScores(ApiView):
    required_scope = "segments.view"

    @documented(
        "Read a member's scores and their reasons",
        answer=ScoresOut,
        example={"data": [SCORE_EXAMPLE]},
        description="Worked out each night. A score that is missing is one for which too little is known.",
    )
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        refuse_unknown(request, set())
        rows = Score.objects.filter(member=member_or_404(external_id)).order_by("name")
        names = current_names()
        shown = [
            {
                **_about(row.name, names),
                "value": row.value,
                "reasons": [one for one in row.explanation.get("reasons", []) if isinstance(one, dict)],
                "computed_at": row.computed_at,
            }
            for row in rows
        ]
        return self.answer(ScoresOut, {"data": shown})


def _about(name: str, names: Names) -> dict[str, Any]:
    entry = names.find("score", name)
    formula = next((one for one in FORMULAS if one.name == name), None)
    definition = None
    if formula is not None:
        definition = {}
        for language in shapes.LANGUAGES:
            with translation.override(language):
                definition[language] = str(formula.definition)
    return {
        "name": name,
        "label": {language: entry.label(language) if entry else name for language in shapes.LANGUAGES},
        "up_to": float(formula.up_to if formula else 100),
        "definition": definition,
    }


def _spread(spread: Spread | None) -> dict[str, Any]:
    return {
        "members": spread.count if spread else 0,
        "lower": spread.lower if spread else None,
        "median": spread.median if spread else None,
        "upper": spread.upper if spread else None,
        "bins": [{"range": text, "members": count} for text, count in spread.bins] if spread else [],
    }
