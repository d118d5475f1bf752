"""The public survey pages. The link's token is the whole credential: it names workspace and invitation and is signed.

No session, no cookie, no script: so no CSRF token either, for there is no ambient authority to abuse.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from feedback.actions import AlreadyAnsweredError, read_token, stop_invitations, submit_response
from feedback.models import Invitation, Response
from feedback.queries.form import fields_of, given
from members.queries.languages import language_of
from members.queries.links import preferences_path
from urm.audit.actor import Actor, acting_as
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant


class Visit:
    """A request through somebody's own link."""

    def __init__(self, request: HttpRequest, token: str, invitation: Invitation, simulated: bool, tenant: Tenant):
        self.request = request
        self.token = token
        self.invitation = invitation
        self.survey = invitation.survey
        self.simulated = simulated
        self.tenant = tenant
        wanted = request.POST.get("lang") or request.GET.get("lang") or ""
        spoken = dict(settings.LANGUAGES)
        self.language = wanted if wanted in spoken else language_of(invitation.member, tenant)

    def page(self, template: str, title: str, status: int = 200, **context: Any) -> HttpResponse:
        return _page(self.request, template, title, self.language, status, workspace=self.tenant, **context)

    def url(self, name: str) -> str:
        return f"{reverse(name, args=[self.token])}?lang={self.language}"


View = Callable[[Visit], HttpResponse]


def _visit(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """Open the link: its workspace's context, its member as the actor, its language."""

    @csrf_exempt
    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def opened(request: HttpRequest, token: str) -> HttpResponse:
        sealed = read_token(token)
        if sealed is None:
            return _not_found(request)
        tenant_id, invitation_id, simulated = sealed
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            return _not_found(request)
        with tenant_context(tenant_id), timezone.override(tenant.zone):
            found = Invitation.objects.select_related("survey", "member").filter(pk=invitation_id).first()
            if found is None or found.member.erased_at is not None:
                return _not_found(request)
            visit = Visit(request, token, found, simulated, tenant)
            member = Actor("member", found.member_id, f"#{found.member_id}")
            with translation.override(visit.language), acting_as(member):
                return view(visit)

    return opened


@_visit
def survey(visit: Visit) -> HttpResponse:
    """Show and take the questions. Asking again through the same link replaces the answers, if the survey is named."""
    if visit.invitation.expires_at <= timezone.now():
        return visit.page(
            "message.html",
            _("This link has expired"),
            410,
            text=_("Thank you for wanting to answer. It is too late now."),
        )
    if not visit.survey.active:
        return visit.page("message.html", _("This survey is closed"), 410, text=_("No more answers are taken."))
    if visit.survey.anonymous and visit.invitation.answered:
        return _answered_already(visit)
    if visit.request.method == "POST":
        return _submit(visit)
    return _form(visit, _earlier_answers(visit.invitation), {})


def _submit(visit: Visit) -> HttpResponse:
    values = given(visit.survey, visit.request.POST)
    try:
        submit_response(
            survey=visit.survey,
            answers=values,
            source=Response.Source.PAGE,
            invitation=visit.invitation,
            simulated=visit.simulated,
        )
    except AlreadyAnsweredError:
        return _answered_already(visit)
    except ValidationError as error:
        if not hasattr(error, "error_dict"):
            return visit.page("message.html", _("This survey is closed"), 410, text=" ".join(error.messages))
        problems = {name: messages[0] for name, messages in error.message_dict.items()}
        return _form(visit, values, problems, status=422)
    return HttpResponseRedirect(visit.url("survey_thanks"), status=303)


def _form(visit: Visit, values: dict[int, Any], problems: dict[str, str], status: int = 200) -> HttpResponse:
    return visit.page(
        "survey.html",
        visit.survey.title,
        status,
        survey=visit.survey,
        fields=fields_of(visit.survey, values, problems),
        problems=problems,
        answered=visit.invitation.answered,
        simulated=visit.simulated,
    )


@_visit
def thanks(visit: Visit) -> HttpResponse:
    text = visit.survey.thanks or _("Your answers have arrived. They help us do better.")
    back = None
    if not visit.survey.anonymous and visit.survey.active and visit.invitation.expires_at > timezone.now():
        back = {"url": visit.url("survey_page"), "label": _("Change my answers")}
    return visit.page("message.html", _("Thank you"), text=text, back=back)


@_visit
def stop(visit: Visit) -> HttpResponse:
    """RFC 8058: a POST without cookie stops the e-mails; a GET (a scanner's, say) changes nothing."""
    if visit.request.method != "POST":
        return visit.page(
            "stop.html", _("No more surveys by e-mail"), preferences=preferences_path(visit.invitation.member_id)
        )
    stop_invitations(invitation=visit.invitation)
    return visit.page("message.html", _("Done"), text=_("You will get no more e-mails of this kind."))


def _earlier_answers(invitation: Invitation) -> dict[int, Any]:
    response = Response.objects.filter(invitation=invitation).prefetch_related("answers").first()
    return {answer.question_id: answer.value for answer in response.answers.all()} if response else {}


def _answered_already(visit: Visit) -> HttpResponse:
    return visit.page(
        "message.html",
        _("You have answered already"),
        409,
        text=_("This survey is anonymous, so your answers cannot be found again to change them. Thank you."),
    )


def _not_found(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("lang", "")
    language = wanted if wanted in dict(settings.LANGUAGES) else translation.get_language() or "en"
    with translation.override(language):
        text = _("Please open the link from your message again, or copy all of it.")
        return _page(request, "message.html", _("This link is not valid"), language, 404, text=text)


def _page(request: HttpRequest, template: str, title: str, language: str, status: int, **context: Any) -> HttpResponse:
    response = render(
        request,
        f"feedback/{template}",
        {"title": title, "language": language, "languages": settings.LANGUAGES, **context},
        status=status,
    )
    response.headers["Content-Language"] = language
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is a secret of the member's
    return response
