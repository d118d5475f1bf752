"""What this app adds to the members' pages and to the home page."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from campaigns.admin.shown import report_steps
from campaigns.models import Campaign, Delivery, Run
from campaigns.queries.report import deliveries_of_member, report_of_runs
from members.admin.extensions import EventWords, add_event_words
from members.models import Member
from segments.admin.usage import Use, add_segment_use
from segments.models import Segment
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.attention import Concern, concern
from urm.ui.panels import panel


def _campaigns_for(segment: Segment) -> list[Use]:
    return [
        Use(
            _("campaign %(name)s") % {"name": campaign.name},
            reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
        )
        for campaign in Campaign.objects.filter(segment=segment).order_by("name")[:20]
    ]


add_segment_use(_campaigns_for)


def _channel(properties: dict[str, Any]) -> str:
    return str(properties.get("channel", ""))


def _reason(properties: dict[str, Any]) -> str:
    reason = properties.get("reason")
    return str(Delivery.Reason(reason).label) if reason in Delivery.Reason.values else ""


def _opened(properties: dict[str, Any]) -> str:
    return str(_("by a machine")) if properties.get("machine") else ""


def _campaign(properties: dict[str, Any], _member: Member) -> str:
    campaign = properties.get("campaign")
    return reverse("admin:campaigns_campaign_change", args=[campaign]) if isinstance(campaign, int) else ""


for _name, _label, _icon, _detail in (
    ("sent", _("Message sent"), "outgoing_mail", _channel),
    ("failed", _("Message not delivered"), "mail_off", _reason),
    ("opened", _("Message opened"), "drafts", _opened),
    ("clicked", _("Link clicked"), "ads_click", lambda p: p.get("url", "")),
    ("unsubscribed", _("Unsubscribed"), "unsubscribe", lambda p: p.get("purpose", "")),
):
    add_event_words(f"urm.message.{_name}", EventWords(_label, _icon, _detail, _campaign, "campaigns.view"))


@panel(
    "member",
    title=_("Messages"),
    capability="campaigns.view",
    template="campaigns/panels/messages.html",
    order=60,
    width="half",
)
def messages(request: WorkspaceRequest, member: Member) -> dict[str, Any]:
    return {"deliveries": deliveries_of_member(member.pk)}


@panel(
    "home",
    title=_("Campaign funnel"),
    capability="campaigns.view",
    template="campaigns/panels/funnel.html",
    order=50,
    width="half",
)
def campaign_funnel(request: WorkspaceRequest, _subject: Any) -> dict[str, Any]:
    """Of the newest campaign that went out, and the names of those before it."""
    newest = list(Run.objects.select_related("campaign").order_by("-pk")[:5])
    steps = report_steps(report_of_runs([newest[0].pk])) if newest else []
    return {"newest": newest[0] if newest else None, "steps": steps, "others": newest[1:]}


@concern("campaigns.view")
def unknown_deliveries(request: WorkspaceRequest) -> Concern | None:
    count = Delivery.objects.filter(state=Delivery.State.UNKNOWN).count()
    url = reverse("admin:campaigns_campaign_changelist")
    words = ngettext(
        "delivery is in an unknown state: look at the campaign",
        "deliveries are in an unknown state: look at the campaign",
        count,
    )
    return Concern(words, count, url) if count else None
