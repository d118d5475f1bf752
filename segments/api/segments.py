"""Segments: saved, tried out, read and explained."""

from typing import Any

from django.http.response import HttpResponseBase
from django.utils import translation
from django_filters import CharFilter, ChoiceFilter
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from members.api.members import member_or_404
from members.api.shapes import MEMBER_EXAMPLE, MemberOut
from members.models import Identity, Member, MemberState
from members.queries import identities_of, tag_names
from segments import queries
from segments.actions import (
    SegmentError,
    add_to_list,
    create_segment,
    delete_segment,
    edit_segment,
    remove_from_list,
)
from segments.api import shapes
from segments.models import Segment, Stage
from segments.queries.checks import recompute_percent
from segments.queries.trial import try_rule
from segments.queries.why import steps_of
from urm.rest.errors import ApiError, invalid
from urm.rest.filters import StrictFilterSet, refuse_unknown
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView
from urm.rules import Names, RuleError, json_schema
from urm.rules.workspace import current_names

RULE_DEPTH = 64  # of JSON: one level of a rule takes two or three

_LANGUAGE = OpenApiParameter("language", str, enum=list(shapes.LANGUAGES), default="en", description="Of the words.")


def segment_or_404(view: ApiView, segment_id: int) -> Segment:
    return view.one(Segment.objects.all(), pk=segment_id)


def segment_context() -> dict[str, Any]:
    return {"names": current_names(), "sizes": queries.sizes(), "percent": recompute_percent()}


def segment_answer(segment: Segment, status: int = 200) -> Response:
    return Response(shapes.SegmentOut(segment, context=segment_context()).data, status=status)


class SegmentFilters(StrictFilterSet):
    name = CharFilter(lookup_expr="icontains", label="Part of the name.")
    kind = ChoiceFilter(choices=Segment.Kind.choices, label="dynamic or static.")


class SegmentList(ApiView):
    required_scope = {"GET": "segments.view", "POST": "segments.change"}
    filterset_class = SegmentFilters
    ordering = ("-created_at", "-id")
    max_depth = RULE_DEPTH

    @documented("List segments", answer=shapes.SegmentOut, many=True, example=shapes.SEGMENT_EXAMPLE)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        rows = self.paginate_queryset(self.filter_queryset(Segment.objects.all())) or []
        context = segment_context()
        return self.get_paginated_response([shapes.SegmentOut(row, context=context).data for row in rows])

    @documented(
        "Save a segment",
        request=shapes.SegmentIn,
        answer=shapes.SegmentOut,
        status=201,
        example=shapes.SEGMENT_EXAMPLE | {"size": 0, "computing": True},
        request_example={"name": "Regulars", "rule": shapes.RULE_EXAMPLE},
        description="Its members are found in the background, within moments: `computing` says whether that goes on.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        return segment_answer(create_segment(**self.valid(shapes.SegmentIn)), status=201)


class SegmentDetail(ApiView):
    required_scope = {"GET": "segments.view", "PATCH": "segments.change", "DELETE": "segments.change"}
    max_depth = RULE_DEPTH

    @documented("Read a segment", answer=shapes.SegmentOut, example=shapes.SEGMENT_EXAMPLE)
    def get(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        return segment_answer(segment_or_404(self, segment_id))

    @documented(
        "Change a segment",
        request=shapes.SegmentChange,
        answer=shapes.SegmentOut,
        example=shapes.SEGMENT_EXAMPLE,
        request_example={"value_proposition": "Free delivery for those who come often."},
        description="Only what is given changes. A new rule is computed in the background and starts no messages.",
    )
    def patch(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        segment = segment_or_404(self, segment_id)
        return segment_answer(edit_segment(segment=segment, **self.valid(shapes.SegmentChange)))

    @documented(
        "Remove a segment",
        status=204,
        errors={409: "in_use"},
        description="Refused with 409 while a rule or a campaign uses it. Its history stays.",
    )
    def delete(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        try:
            delete_segment(segment=segment_or_404(self, segment_id))
        except SegmentError as error:
            raise ApiError(409, "in_use", error.fields["segment"]) from error
        return Response(status=204)


class Preview(ApiView):
    required_scope = "segments.view"
    max_depth = RULE_DEPTH

    @documented(
        "Try a rule out",
        request=shapes.PreviewIn,
        answer=shapes.PreviewOut,
        example={
            "count": 1284,
            "everybody": 5000,
            "margin": None,
            "conditions": [{"path": "rule", "alone": 1284, "share": 0.2568, "together": None}],
            "sample": [{"external_id": "c-1024", "name": "Ada Byron"}],
            "words": shapes.WORDS_EXAMPLE,
            "as_of": "2026-03-01T09:30:00Z",
            "read_now": [],
        },
        request_example={"rule": shapes.RULE_EXAMPLE, "as_of": "2026-03-01T09:30:00Z", "contributions": True},
        description="Saves nothing. Events, windows and calendar words obey `as_of`; all else is read as it is now, "
        "and `read_now` names what. With `contributions` it also tells what each condition lets through, alone and"
        " together with those before it.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        given = self.valid(shapes.PreviewIn)
        names = current_names()
        if given["contributions"]:
            return self.answer(shapes.PreviewOut, _tried(given, names))
        found = queries.preview(given["rule"], given["as_of"], names=names)
        shown = {
            "count": found.count,
            "sample": found.sample,
            "words": shapes.in_words(given["rule"], names),
            "as_of": found.as_of,
            "read_now": list(found.read_now),
        }
        return self.answer(shapes.PreviewOut, shown)


def _tried(given: dict[str, Any], names: Names) -> dict[str, Any]:
    try:
        found = try_rule(given["rule"], given["as_of"], names=names, exact=given["exact"])
    except RuleError as error:
        if error.problems[0].code != "too_slow":
            raise
        message = 'Counting takes too long; leave it out, or send "exact": false to count a sample.'
        raise invalid({"contributions": [message]}) from error
    return {
        "count": found.count,
        "everybody": found.everybody,
        "margin": found.margin,
        "conditions": [
            {
                "path": "rule" if part.path == "rule" else f"rule.{part.path}",
                "alone": part.alone,
                "share": part.alone / found.everybody if found.everybody else 0.0,
                "together": part.together,
            }
            for part in found.parts
        ],
        "sample": found.sample,
        "words": found.words,
        "as_of": found.as_of,
        "read_now": list(found.read_now),
    }


class SegmentMembers(ApiView):
    required_scope = {"GET": "members.view", "POST": "segments.change"}
    ordering = ("-created_at", "-id")

    @documented("List a segment's members", answer=MemberOut, many=True, example=MEMBER_EXAMPLE)
    def get(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        found = queries.members_of(segment_or_404(self, segment_id))
        rows: list[Member] = self.paginate_queryset(self.filter_queryset(found)) or []
        ids = [member.pk for member in rows]
        context = {"tags": tag_names(ids), "identities": identities_of(ids)}
        return self.get_paginated_response([MemberOut(row, context=context).data for row in rows])

    @documented(
        "Put members on a static list",
        request=shapes.ListMembersIn,
        answer=shapes.ListMembersOut,
        example={"added": 2},
        request_example={"external_ids": ["c-1024", "c-1025"]},
        description="All or none: an unknown external id refuses the request. A segment by rule is refused.",
    )
    def post(self, request: ApiRequest, segment_id: int) -> HttpResponseBase:
        segment = segment_or_404(self, segment_id)
        wanted = self.valid(shapes.ListMembersIn)["external_ids"]
        identities = Identity.objects.select_related("member").filter(
            kind=Identity.Kind.EXTERNAL_ID, value__in=wanted, member__erased_at=None
        )
        members = {identity.value: identity.member for identity in identities}
        missing = {
            f"external_ids[{at}]": ["There is no such member in this workspace; create it first."]
            for at, external_id in enumerate(wanted)
            if external_id not in members
        }
        if missing:
            raise invalid(missing)
        return Response({"added": add_to_list(segment=segment, members=list(members.values()))})


class SegmentMember(ApiView):
    required_scope = "segments.change"

    @documented("Take a member off a static list", status=204)
    def delete(self, request: ApiRequest, segment_id: int, external_id: str) -> HttpResponseBase:
        segment = segment_or_404(self, segment_id)
        if not remove_from_list(segment=segment, members=[member_or_404(external_id)]):
            raise ApiError(404, "not_found", "The member is not on this list.")
        return Response(status=204)


class Explain(ApiView):
    required_scope = "segments.view"

    @documented(
        "Why is a member in a segment, or not",
        answer=shapes.EXPLANATION_OUT,
        parameters=[_LANGUAGE],
        example=shapes.EXPLANATION_EXAMPLE,
        description="The rule's own tree, as of now: each condition with what was expected, what is, if it is met, and"
        " the event that decided it; and when the member entered and left, with the cause, newest first.",
    )
    def get(self, request: ApiRequest, segment_id: int, external_id: str) -> HttpResponseBase:
        refuse_unknown(request, {"language"})
        language = request.query_params.get("language", "en")
        if language not in shapes.LANGUAGES:
            raise invalid({"language": [f"Use one of: {', '.join(shapes.LANGUAGES)}."]})
        segment, member = segment_or_404(self, segment_id), member_or_404(external_id)
        held = MemberState.objects.filter(member=member, segment_ids__contains=[segment.pk]).exists()
        with translation.override(language):
            explanation = shapes.explained(queries.explain_membership(segment, member))
        history = [shapes.step_out(step) for step in steps_of(segment, member)]
        return Response({"in_segment": held, "explanation": explanation, "history": history})


class MemberSegments(ApiView):
    required_scope = "segments.view"

    @documented(
        "Read a member's segments and stage",
        answer=shapes.MemberSegmentsOut,
        example={
            "segments": [{"id": 7, "name": "Regulars"}],
            "stage": {"key": "loyalty", "label_en": "Loyalty", "label_zh": "忠诚"},
            "stage_since": "2026-02-01T09:30:00Z",
        },
    )
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        member = member_or_404(external_id)
        state = MemberState.objects.filter(member=member).first()
        held = state.segment_ids if state else []
        return self.answer(
            shapes.MemberSegmentsOut,
            {
                "segments": Segment.objects.filter(pk__in=held).order_by("name"),
                "stage": Stage.objects.filter(pk=state.stage_id).first() if state and state.stage_id else None,
                "stage_since": state.stage_since if state else None,
            },
        )


class RuleSchema(ApiView):
    required_scope = "segments.view"

    @documented(
        "Read the rule language",
        answer={"type": "object", "additionalProperties": True},
        example={"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "URM rule"},
        description="As JSON Schema, with the facts, tags, attributes and events that this workspace has.",
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        return Response(json_schema(current_names()))
