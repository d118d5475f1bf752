"""Why somebody is in a segment, or not: the conditions one by one, what decided them, and how it came about."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from members.admin.extensions import event_labels
from members.models import Member
from members.queries import live_members, search_members
from segments.models import Segment
from segments.queries import explain_membership
from segments.queries.why import members_in, steps_of
from urm.rules import RuleError
from urm.ui.pages import needs

FOUND = 20


class WhyPage:
    """Mixed into the admin of segments."""

    get_object: Any
    _context: Any

    @needs("segments.view")
    def why(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`?member=` explains one, `?q=` looks for one; `?fragment` for the page of the member itself."""
        segment = self.get_object(request, str(pk))
        member = _member(request)
        context: dict[str, Any] = {"segment": segment, "member": member}
        if member:
            context |= _explained(segment, member)
        if "fragment" in request.GET:
            return TemplateResponse(request, "segments/explanation.html", context)
        text = request.GET.get("q", "").replace("\0", "").strip()[:100]
        if text:
            found = list(search_members(text).order_by("-id")[:FOUND])
            inside = members_in(segment, found)
            context |= {"found": [(one, one.pk in inside) for one in found], "searched": True}
        title = gettext("Why is somebody in %(segment)s?") % {"segment": segment}
        page = {**self._context(request, segment), "title": title, "text": text, **context}
        return TemplateResponse(request, "segments/why.html", page)


def _member(request: HttpRequest) -> Member | None:
    number = request.GET.get("member", "")
    if not (number.isdigit() and number.isascii() and len(number) < 19):
        return None
    return get_object_or_404(live_members(), pk=int(number))


def _explained(segment: Segment, member: Member) -> dict[str, Any]:
    """The stored answer beside the present one: they differ for the seconds until a change has arrived."""
    try:
        explanation = explain_membership(segment, member)
    except RuleError as error:
        return {"problem": error.message, "steps": steps_of(segment, member)}
    held = bool(members_in(segment, [member]))
    return {
        "explanation": explanation,
        "steps": steps_of(segment, member),
        "late": held != explanation.met,
        "labels": event_labels(),
    }
