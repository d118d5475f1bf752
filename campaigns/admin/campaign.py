"""Campaigns: the list, the page of one before and after it went out, launch with who gets it and who does not."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from campaigns.actions import campaigns as actions
from campaigns.actions.upkeep import retry_unknown
from campaigns.admin.deliveries import delivery_page
from campaigns.admin.forms import CampaignForm, LaunchForm
from campaigns.admin.preview import chosen_member, frame, mail_to_oneself, shown
from campaigns.admin.shown import audience_steps, report_steps, report_tiles
from campaigns.models import Campaign, Delivery
from campaigns.queries.audience import expected_audience
from campaigns.queries.lint import check_campaign
from campaigns.queries.report import DEFINITIONS, report_of
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.admin import Empty, Entry, ModelAdmin, actor_column
from urm.ui.components import Progress
from urm.ui.pages import needs, staff_may

State = Campaign.State
_BEFORE = (State.DRAFT, State.SCHEDULED)
# What a button does, by its name in the address.
_STEPS = {
    "pause": (actions.pause_campaign, _("%(campaign)s is paused.")),
    "resume": (actions.resume_campaign, _("%(campaign)s goes on.")),
    "cancel": (actions.cancel_campaign, _("%(campaign)s is cancelled.")),
    "retry": (retry_unknown, _("Those in an unknown state are sent again.")),
}


@admin.register(Campaign)
class CampaignAdmin(ModelAdmin):
    area = "campaigns"
    sidebar = Entry("talk", 10, "campaign", key="c")
    empty = Empty(
        _("No campaigns yet"),
        _("A campaign sends one message to one segment, and shows what came of it."),
        icon="campaign",
        action_label=_("Plan a campaign"),
    )
    add_label = _("Plan a campaign")
    keyset = ("-created_at", "-id")
    list_display = ("name", "state", "segment", "message", "scheduled_at", "by")
    by = actor_column("created_by", _("created by"))
    list_select_related = ("segment", "message")
    list_filter = ("state",)
    search_fields = ("name",)
    may_delete = False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/edit/", wrap(self.edit), name="campaign_edit"),
            path("<int:pk>/frame/", wrap(require_safe(self.frame)), name="campaign_frame"),
            path("<int:pk>/test/", wrap(require_POST(self.test)), name="campaign_test"),
            path("<int:pk>/launch/", wrap(self.launch), name="campaign_launch"),
            path("<int:pk>/step/", wrap(require_POST(self.step)), name="campaign_step"),
            path("<int:pk>/progress/", wrap(require_safe(self.progress)), name="campaign_progress"),
            path("<int:pk>/deliveries/", wrap(require_safe(self.deliveries)), name="campaign_deliveries"),
            *urls,
        ]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Campaign:
        found: Campaign = super().get_object(request, object_id, from_field)
        return found

    # --- plan

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._form(request, None)

    @needs("campaigns.change")
    def edit(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._form(request, self.get_object(request, str(pk)))

    def _form(self, request: HttpRequest, campaign: Campaign | None) -> HttpResponse:
        names = list(CampaignForm.base_fields)
        initial: dict[str, Any] = {name: getattr(campaign, name) for name in names} if campaign else {}
        initial |= {name: request.GET[name] for name in ("segment", "message") if request.GET.get(name, "").isdigit()}
        form = CampaignForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                saved = (
                    actions.change_campaign(campaign=campaign, **form.cleaned_data)
                    if campaign
                    else actions.create_campaign(**form.cleaned_data)
                )
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return redirect("admin:campaigns_campaign_change", saved.pk)
        context = {
            **self._context(request, campaign),
            "title": str(campaign) if campaign else gettext("Plan a campaign"),
            "form": form,
        }
        return TemplateResponse(request, "campaigns/edit.html", context)

    # --- look at

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        campaign = self.get_object(request, object_id)
        if not self.has_view_permission(request, campaign):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        member = chosen_member(request.GET.get("member", ""), campaign)
        rendered, problem = shown(campaign.message, member, campaign)
        before = campaign.state in _BEFORE
        report = None if before else report_of(campaign)
        waterfall = report.waterfall if report else expected_audience(campaign)
        frame_url = reverse("admin:campaign_frame", args=[campaign.pk])
        context = {
            **self._context(request, campaign),
            "before": before,
            "findings": check_campaign(campaign) if before else [],
            "waterfall": waterfall,
            "audience_steps": audience_steps(waterfall),
            "report": report,
            "tiles": report and report_tiles(report),
            "report_steps": report and report_steps(report),
            "definitions": DEFINITIONS,
            "member": member,
            "searched": request.GET.get("member", ""),
            "rendered": rendered,
            "problem": problem,
            "frame_url": member and f"{frame_url}?member={member.pk}",
            "may_launch": staff_may(request, "campaigns.launch"),
            "may_change": staff_may(request, "campaigns.change"),
        }
        return TemplateResponse(request, "campaigns/campaign.html", context)

    @needs("campaigns.view")
    def frame(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.get_object(request, str(pk))
        return frame(campaign.message, chosen_member(request.GET.get("member", ""), campaign), campaign)

    @needs("campaigns.view")
    def progress(self, request: HttpRequest, pk: int) -> JsonResponse:
        campaign = self.get_object(request, str(pk))
        report = report_of(campaign)
        finished = campaign.state not in (State.SCHEDULED, State.RUNNING)
        words = gettext("%(done)s of %(total)s decided, %(sent)s sent")
        return JsonResponse(
            Progress(
                done=report.done,
                total=report.decided,
                finished=finished,
                message=words % {"done": report.done, "total": report.decided, "sent": report.sent},
                url=reverse("admin:campaigns_campaign_change", args=[pk]) if finished else "",
            ).as_json()
        )

    @needs("campaigns.view")
    def deliveries(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Everybody in the segment, with what became of each and why."""
        campaign = self.get_object(request, str(pk))
        context = {
            **self._context(request, campaign),
            "title": gettext("Deliveries of %(campaign)s") % {"campaign": campaign},
            "states": Delivery.State.choices,
            **delivery_page(campaign, request.GET),
        }
        return TemplateResponse(request, "campaigns/deliveries.html", context)

    # --- do

    @needs("campaigns.change")
    def test(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.get_object(request, str(pk))
        mail_to_oneself(request, campaign.message, campaign)
        return redirect("admin:campaigns_campaign_change", pk)

    @needs("campaigns.launch")
    def launch(self, request: WorkspaceRequest, pk: int) -> HttpResponse:
        """Who gets it and who does not and why; then, on a second press, it goes out."""
        campaign = self.get_object(request, str(pk))
        form = LaunchForm(request.POST or None, initial={"time_zone": request.workspace.time_zone})
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            try:
                if given["when"] == "later":
                    actions.schedule_campaign(
                        campaign=campaign, local_time=given["local_time"][:16], time_zone=given["time_zone"]
                    )
                    words = gettext("%(campaign)s is scheduled.")
                else:
                    actions.launch_campaign(campaign=campaign)
                    words = gettext("%(campaign)s is launched.")
            except ValidationError as error:
                _add_errors(form, error)
            else:
                messages.success(request, words % {"campaign": campaign})
                return redirect("admin:campaigns_campaign_change", pk)
        waterfall = expected_audience(campaign)
        findings = check_campaign(campaign)
        context = {
            **self._context(request, campaign),
            "title": gettext("Launch %(campaign)s") % {"campaign": campaign},
            "form": form,
            "waterfall": waterfall,
            "audience_steps": audience_steps(waterfall),
            "findings": findings,
            "blocked": campaign.state != State.DRAFT or any(finding.blocking for finding in findings),
        }
        return TemplateResponse(request, "campaigns/launch.html", context)

    @needs("campaigns.launch")
    def step(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.get_object(request, str(pk))
        action, words = _STEPS.get(request.POST.get("step", ""), (None, ""))
        if action is not None:
            try:
                action(campaign=campaign)
            except ValidationError as error:
                messages.error(request, " ".join(error.messages))
            else:
                messages.success(request, words % {"campaign": campaign})
        return redirect("admin:campaigns_campaign_change", pk)

    def _context(self, request: HttpRequest, campaign: Campaign | None) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": str(campaign) if campaign else "",
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:campaigns_campaign_changelist"),
            "campaign": campaign,
        }


def _add_errors(form: LaunchForm, error: ValidationError) -> None:
    """By field where the form has it; what is wrong with the message stands among the findings."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for field, texts in error.message_dict.items():
        form.add_error(field if field in form.fields else None, texts)
