"""What feedback shows on pages of others, and how its events read in the timeline."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feedback.admin.figures import nps_tile
from feedback.admin.responses import shown_answers
from feedback.models import Question, Survey
from feedback.queries import responses_of
from members.admin.extensions import EventWords, add_event_words
from members.models import Member
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.panels import panel


def _answered(properties: dict[str, Any]) -> str:
    parts = [str(properties.get("survey", ""))]
    if properties.get("nps") is not None:
        parts.append(f"NPS {properties['nps']}")
    if properties.get("simulated"):
        parts.append(gettext("simulated"))
    return " · ".join(parts)


add_event_words(
    "urm.survey.invited", EventWords(_("Invited to a survey"), "outgoing_mail", lambda p: str(p.get("survey", "")))
)


def _response(properties: dict[str, Any], _member: Member) -> str:
    response = properties.get("response_id")
    return reverse("admin:feedback_response_change", args=[response]) if isinstance(response, int) else ""


add_event_words(
    "urm.survey.answered", EventWords(_("Answered a survey"), "forum", _answered, _response, "feedback.view")
)


@panel(
    "member",
    title=_("Answers"),
    capability="feedback.view",
    template="feedback/panels/member.html",
    order=60,
    width="third",
)
def answers(request: WorkspaceRequest, member: Member) -> dict[str, Any] | None:
    found = list(responses_of(member)[:3])
    if not found:
        return None
    return {"responses": [(response, shown_answers(response)) for response in found]}


@panel(
    "home",
    title=_("What members say"),
    capability="feedback.view",
    template="feedback/panels/home.html",
    order=65,
    width="half",
)
def score(request: WorkspaceRequest, _subject: Any) -> dict[str, Any] | None:
    surveys = Survey.objects.filter(active=True, questions__kind=Question.Kind.NPS).order_by("pk")[:4]
    tiles = [nps_tile(survey, survey.title, url=reverse("admin:survey_report", args=[survey.pk])) for survey in surveys]
    return {"tiles": tiles} if tiles else None
