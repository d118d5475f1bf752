"""Messages as a member sees them, in a frame that can do nothing."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from campaigns.actions.trial import send_test_mail
from campaigns.models import Campaign, Message
from campaigns.queries.content import ContentError
from campaigns.queries.rendering import Rendered, render_preview
from members.models import Member
from members.queries import in_segment, live_members, search_members
from urm.channels.templating import TemplateError

# The document in the frame: pictures and styles of its own, nothing else; no script, no form, no way out.
_POLICY = "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"


def chosen_member(words: str, campaign: Campaign | None = None) -> Member | None:
    """Whom a page shows the message for: the one of this number or these words, else the first who would get it."""
    words = words.strip()[:100].replace("\x00", "")
    everybody = live_members()
    if words:
        if words.isdigit() and len(words) < 19 and (found := everybody.filter(pk=int(words)).first()):
            return found
        return search_members(words, everybody).order_by("pk").first()
    inside = in_segment(campaign.segment_id, everybody) if campaign else everybody
    return inside.order_by("pk").first() or everybody.order_by("pk").first()


def shown(message: Message, member: Member | None, campaign: Campaign | None = None) -> tuple[Rendered | None, str]:
    """The message for this member, or why there is none."""
    if member is None:
        return None, _("There is no member to show it for.")
    try:
        return render_preview(message, member, campaign), ""
    except (ContentError, TemplateError) as error:
        return None, str(error)


def mail_to_oneself(request: HttpRequest, message: Message, campaign: Campaign | None = None) -> None:
    """Send it to the person who asks, as the member shown would get it, and say on the next page what came of it."""
    member = chosen_member(request.POST.get("member", ""), campaign)
    address = str(getattr(request.user, "email", ""))
    if member is None:
        messages.error(request, _("There is no member to show it for."))
        return
    try:
        send_test_mail(message=message, member=member, address=address, campaign=campaign)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("A test mail is on its way to %(address)s.") % {"address": address})


def frame(message: Message, member: Member | None, campaign: Campaign | None = None) -> HttpResponse:
    """The document in the frame."""
    rendered, problem = shown(message, member, campaign)
    html = rendered.html if rendered else format_html("<p>{}</p>", problem)
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
