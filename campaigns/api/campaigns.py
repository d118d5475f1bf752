"""Campaigns for servers: make one, launch it, stop it, read what became of it."""

from collections.abc import Callable

from django.db import transaction
from django.http.response import HttpResponseBase
from django_filters import ChoiceFilter

from campaigns.actions import campaigns as actions
from campaigns.actions.messages import create_message
from campaigns.api import shapes
from campaigns.models import Campaign
from campaigns.queries.report import report_of
from segments.models import Segment
from urm.rest.errors import invalid
from urm.rest.filters import IdFilter, StrictFilterSet
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView


class CampaignFilters(StrictFilterSet):
    state = ChoiceFilter(choices=Campaign.State.choices, label="Only campaigns in this state.")
    segment_id = IdFilter(label="Only campaigns for this segment.")


class CampaignList(ApiView):
    required_scope = {"GET": "campaigns.view", "POST": "campaigns.change"}
    filterset_class = CampaignFilters
    ordering = ("-created_at", "-id")
    max_body = 1024 * 1024

    @documented("List campaigns", answer=shapes.CampaignOut, many=True, example=shapes.CAMPAIGN_EXAMPLE)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        return self.page(Campaign.objects.all(), shapes.CampaignOut)

    @documented(
        "Make a campaign",
        request=shapes.CampaignIn,
        answer=shapes.CampaignDetailOut,
        status=201,
        example=shapes.DETAIL_EXAMPLE,
        request_example=shapes.REQUEST_EXAMPLE,
        description="It is a draft until it is launched.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        given = self.valid(shapes.CampaignIn)
        segment = Segment.objects.filter(pk=given["segment_id"]).first()
        if segment is None:
            raise invalid({"segment_id": ["There is no such segment in this workspace."]})
        with transaction.atomic():
            message = create_message(name=given["name"], **given["message"])
            campaign = actions.create_campaign(
                name=given["name"], segment=segment, message=message, purpose=given["purpose"]
            )
        return self.answer(shapes.CampaignDetailOut, campaign, status=201, location=f"/api/v1/campaigns/{campaign.pk}")


class CampaignDetail(ApiView):
    required_scope = "campaigns.view"

    @documented("Read a campaign with its message", answer=shapes.CampaignDetailOut, example=shapes.DETAIL_EXAMPLE)
    def get(self, request: ApiRequest, campaign_id: int) -> HttpResponseBase:
        return self.answer(shapes.CampaignDetailOut, _campaign(self, campaign_id))


class CampaignReport(ApiView):
    required_scope = "campaigns.view"

    @documented(
        "Read what became of a campaign",
        answer=shapes.ReportOut,
        example=shapes.REPORT_EXAMPLE,
        description="Rates are of the messages sent, with 95 % Wilson intervals.",
    )
    def get(self, request: ApiRequest, campaign_id: int) -> HttpResponseBase:
        return self.answer(shapes.ReportOut, report_of(_campaign(self, campaign_id)))


class CampaignLaunch(ApiView):
    required_scope = "campaigns.launch"

    @documented(
        "Launch a campaign, now or at a local time",
        request=shapes.LaunchIn,
        answer=shapes.CampaignOut,
        status=202,
        example=shapes.LAUNCHED_EXAMPLE,
        request_example=shapes.LAUNCH_EXAMPLE,
        errors={409: "not_a_draft"},
        description="Who gets it is decided when it goes out. A second launch is refused.",
    )
    def post(self, request: ApiRequest, campaign_id: int) -> HttpResponseBase:
        campaign = _campaign(self, campaign_id)
        given = self.valid(shapes.LaunchIn)
        if "local_time" in given:
            time_zone = given.get("time_zone", self.workspace.time_zone)
            campaign = actions.schedule_campaign(campaign=campaign, local_time=given["local_time"], time_zone=time_zone)
        else:
            campaign = actions.launch_campaign(campaign=campaign)
        return self.answer(shapes.CampaignOut, campaign, status=202)


class _Step(ApiView):
    """A step of a campaign's life that takes no arguments."""

    required_scope = "campaigns.launch"

    def step(self, campaign_id: int, action: Callable[..., Campaign]) -> HttpResponseBase:
        return self.answer(shapes.CampaignOut, action(campaign=_campaign(self, campaign_id)))


class CampaignPause(_Step):
    @documented(
        "Pause a running campaign",
        answer=shapes.CampaignOut,
        example={**shapes.LAUNCHED_EXAMPLE, "state": "paused"},
        errors={409: "wrong_state"},
        description="Nothing more is handed over from now on.",
    )
    def post(self, request: ApiRequest, campaign_id: int) -> HttpResponseBase:
        return self.step(campaign_id, actions.pause_campaign)


class CampaignResume(_Step):
    @documented(
        "Let a paused campaign go on",
        answer=shapes.CampaignOut,
        example={**shapes.LAUNCHED_EXAMPLE, "state": "running"},
        errors={409: "wrong_state"},
    )
    def post(self, request: ApiRequest, campaign_id: int) -> HttpResponseBase:
        return self.step(campaign_id, actions.resume_campaign)


class CampaignCancel(_Step):
    @documented(
        "Cancel a campaign for good",
        answer=shapes.CampaignOut,
        example={**shapes.LAUNCHED_EXAMPLE, "state": "cancelled"},
        errors={409: "wrong_state"},
    )
    def post(self, request: ApiRequest, campaign_id: int) -> HttpResponseBase:
        return self.step(campaign_id, actions.cancel_campaign)


def _campaign(view: ApiView, campaign_id: int) -> Campaign:
    return view.one(Campaign.objects.select_related("message", "segment"), pk=campaign_id)
