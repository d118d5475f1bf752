"""Surveys and responses for servers; members answer on the public page."""

from typing import Any

from django.http.response import HttpResponseBase
from django_filters import BooleanFilter, IsoDateTimeFilter, NumberFilter

from feedback import queries
from feedback.actions import submit_response
from feedback.api import shapes
from feedback.models import Question, Response, Survey
from members.queries import member_by_identity
from urm.rest.errors import invalid
from urm.rest.filters import StrictFilterSet
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView


class SurveyFilters(StrictFilterSet):
    active = BooleanFilter(label="Only those that invite and take answers, or only those that don't.")


class SurveyList(ApiView):
    required_scope = "feedback.view"
    filterset_class = SurveyFilters

    @documented("List surveys", answer=shapes.SurveyOut, many=True, example=shapes.SURVEY_EXAMPLE)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        return self.page(Survey.objects.all(), shapes.SurveyOut)


class SurveyDetail(ApiView):
    required_scope = "feedback.view"

    @documented(
        "Read a survey with its questions and score",
        answer=shapes.SurveyDetailOut,
        example=shapes.SURVEY_DETAIL_EXAMPLE,
    )
    def get(self, request: ApiRequest, survey_id: int) -> HttpResponseBase:
        survey = self.one(Survey.objects.all(), pk=survey_id)
        questions = list(survey.questions.all())
        row: dict[str, Any] = {str(field): getattr(survey, str(field)) for field in shapes.SurveyOut().fields}
        row |= {"questions": questions, "nps": _nps(survey, questions)}
        return self.answer(shapes.SurveyDetailOut, row)


class ResponseFilters(StrictFilterSet):
    nps_from = NumberFilter(field_name="nps", lookup_expr="gte", min_value=0, max_value=10, label="NPS answer from.")
    nps_to = NumberFilter(field_name="nps", lookup_expr="lte", min_value=0, max_value=10, label="NPS answer up to.")
    simulated = BooleanFilter(label="Only simulated answers, or only real ones.")
    answered_from = IsoDateTimeFilter(field_name="submitted_at", lookup_expr="gte", label="Answered at or after.")
    answered_before = IsoDateTimeFilter(field_name="submitted_at", lookup_expr="lt", label="Answered before.")


class ResponseList(ApiView):
    required_scope = {"GET": "feedback.view", "POST": "feedback.change"}
    filterset_class = ResponseFilters
    ordering = ("-submitted_at", "-id")

    @documented("List responses to a survey", answer=shapes.ResponseOut, many=True, example=shapes.RESPONSE_EXAMPLE)
    def get(self, request: ApiRequest, survey_id: int) -> HttpResponseBase:
        survey = self.one(Survey.objects.all(), pk=survey_id)
        found = Response.objects.select_related("member").prefetch_related("answers").filter(survey=survey)
        return self.page(found, shapes.ResponseOut)

    @documented(
        "Hand in a response",
        request=shapes.ResponseIn,
        answer=shapes.ResponseOut,
        status=201,
        example=shapes.RESPONSE_EXAMPLE,
        request_example=shapes.REQUEST_EXAMPLE,
        errors={409: "survey_inactive"},
        description="Each request is one response: send an `Idempotency-Key`, so that a repeated one counts once.",
    )
    def post(self, request: ApiRequest, survey_id: int) -> HttpResponseBase:
        survey = self.one(Survey.objects.all(), pk=survey_id)
        given = self.valid(shapes.ResponseIn)
        member = None
        if given.get("external_id"):
            member = member_by_identity(given["external_id"])
            if member is None:
                raise invalid({"external_id": ["There is no such member in this workspace; create it first."]})
        answers = {answer["question_id"]: answer["value"] for answer in given["answers"]}
        if len(answers) < len(given["answers"]):
            raise invalid({"answers": ["A question is answered twice; send one answer for each."]})
        response = submit_response(
            survey=survey,
            answers=answers,
            source=Response.Source.API,
            member=member,
            simulated=given["simulated"],
            at=given.get("answered_at"),
        )
        return self.answer(shapes.ResponseOut, response, status=201)


def _nps(survey: Survey, questions: list[Question]) -> dict[str, Any] | None:
    if not any(question.kind == Question.Kind.NPS for question in questions):
        return None
    nps, simulated = queries.nps_of(survey)
    shown = nps.enough(survey.minimum_answers)
    return {
        "n": nps.n,
        "promoters": nps.promoters,
        "passives": nps.passives,
        "detractors": nps.detractors,
        "score": nps.score if shown else None,
        "margin": nps.margin if shown else None,
        "minimum_answers": survey.minimum_answers,
        "simulated": simulated,
    }
