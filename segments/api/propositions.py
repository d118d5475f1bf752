"""The value proposition of a segment, by language, version by version."""

from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.response import Response

from segments.actions import save_proposition
from segments.api.segments import segment_or_404
from segments.models import ValueProposition
from segments.queries.propositions import current_rows
from urm.rest.errors import invalid
from urm.rest.filters import refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

EXAMPLE = {
    "language": "en",
    "version": 3,
    "pain_points": "Pays for delivery every week",
    "selling_points": "Free delivery from the third order in a month",
    "wording": "Free delivery for those who come often.",
    "created_at": "2026-03-01T09:30:00Z",
}


class PropositionOut(serializers.ModelSerializer[ValueProposition]):
    class Meta:
        model = ValueProposition
        fields = tuple(EXAMPLE)


class PropositionsOut(serializers.Serializer[Any]):
    data = PropositionOut(many=True)  # type: ignore[assignment]  # a field, as the metaclass sees it


class PropositionIn(serializers.Serializer[Any]):
    language = serializers.ChoiceField(choices=[code for code, _label in settings.LANGUAGES])
    wording = serializers.CharField(
        max_length=1000, allow_blank=True, help_text="Plain text that messages quote as `segment.value_proposition`."
    )
    pain_points = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    selling_points = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class SegmentPropositions(ApiView):
    required_scope = {"GET": "segments.view", "PUT": "segments.change"}

    @documented(
        "Read a segment's value propositions",
        answer=PropositionsOut,
        example={"data": [EXAMPLE]},
        description="The version that holds in each language that has one; messages quote these.",
    )
    def get(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        refuse_unknown(request, set())
        return self.answer(PropositionsOut, {"data": current_rows(segment_or_404(self, segment_id))})

    @documented(
        "Save a segment's value proposition",
        request=PropositionIn,
        answer=PropositionOut,
        example=EXAMPLE,
        request_example={
            "language": "en",
            "wording": "Free delivery for those who come often.",
            "pain_points": "Pays for delivery every week",
            "selling_points": "Free delivery from the third order in a month",
        },
        description="A new version in one language, as a whole: a text left out is empty. The same texts again make no"
        " version. Older versions stay: messages that were sent refer to them.",
    )
    def put(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        segment, given = segment_or_404(self, segment_id), self.valid(PropositionIn)
        save_proposition(segment=segment, **given)
        held = next((row for row in current_rows(segment) if row.language == given["language"]), None)
        if held is None:  # empty texts where there was nothing
            raise invalid({"wording": ["Give a wording, pain points or selling points."]})
        return Response(PropositionOut(held).data)


class PropositionVersions(ApiView):
    required_scope = "segments.view"
    ordering = ("-id",)

    @documented(
        "List all versions of a segment's value propositions",
        answer=PropositionOut,
        many=True,
        example=EXAMPLE,
        description="Of all languages, newest first.",
    )
    def get(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        segment = segment_or_404(self, segment_id)
        return self.page(ValueProposition.objects.filter(segment=segment), PropositionOut)
