"""What the links of a message lead to. The token is the whole credential: it names workspace, run and member, sealed.

No session, no cookie, no script: so no CSRF token either, for there is no ambient authority to abuse.
"""

import base64
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.actions import tracking
from campaigns.models import Run
from campaigns.queries.rendering import NO_RUN, PURPOSE
from members.models import Member
from members.queries.links import NOBODY, preferences_path
from urm.lib.tokens import unseal
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

P = ParamSpec("P")
PICTURE = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # one transparent pixel


class Visit:
    """A request through the link of somebody's message; `run_id` is NO_RUN for previews and test mails."""

    def __init__(self, request: HttpRequest, tenant: Tenant, run_id: int, member_id: int) -> None:
        self.request = request
        self.tenant = tenant
        self.run_id = run_id
        self.member_id = member_id

    @property
    def machine(self) -> bool:
        return tracking.is_machine(self.request.headers.get("User-Agent", ""))

    @property
    def counts(self) -> bool:
        """Whether something may be noted: HEAD is a question, and an address that nobody was sent is nobody's."""
        return (
            self.run_id != NO_RUN
            and self.request.method != "HEAD"
            and tracking.handed_over(self.run_id, self.member_id)
        )


def _visit(view: Callable[Concatenate[Visit, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Open the token: the workspace's context, time zone and (unless the address says another) language."""

    @wraps(view)
    def opened(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        sealed = unseal(PURPOSE, token, count=3)
        tenant = Tenant.objects.filter(pk=sealed[0]).first() if sealed else None
        if sealed is None or tenant is None:
            return _not_found(request)
        with (
            tenant_context(tenant.pk),
            timezone.override(tenant.zone),
            translation.override(_language(request, tenant.language)),
        ):
            return view(Visit(request, tenant, *sealed[1:]), *args, **kwargs)

    return opened


@never_cache
@require_safe
@_visit
def picture(visit: Visit) -> HttpResponse:
    """The picture whose loading shows that a message was opened."""
    if visit.counts:
        tracking.record_open(run_id=visit.run_id, member_id=visit.member_id, machine=visit.machine)
    return HttpResponse(PICTURE, content_type="image/gif")


@never_cache
@require_safe
@_visit
def click(visit: Visit, number: int) -> HttpResponse:
    """On to the link with this number of the campaign: no other target can be given."""
    url = tracking.target_of(run_id=visit.run_id, number=number)
    if url is None:
        return _not_found(visit.request)
    if visit.counts and not visit.machine:
        tracking.record_click(run_id=visit.run_id, member_id=visit.member_id, number=number, url=url)
    response = HttpResponseRedirect(url)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_visit
def unsubscribe(visit: Visit) -> HttpResponse:
    """RFC 8058: a POST without cookie withdraws consent; a GET (a scanner's, say) changes nothing."""
    whose = NOBODY if visit.run_id == NO_RUN else visit.member_id
    context: dict[str, Any] = {
        "workspace": visit.tenant.name,
        "test": visit.run_id == NO_RUN,
        "preferences": preferences_path(whose),
    }
    if visit.request.method != "POST":
        return _page(visit.request, "unsubscribe.html", _("Unsubscribe"), **context)
    if visit.run_id != NO_RUN:
        # The delivery may be gone with a restored backup; who asks to be left alone is left alone.
        known = Run.objects.filter(pk=visit.run_id).exists() and Member.objects.filter(pk=visit.member_id).exists()
        if not known:
            return _not_found(visit.request)
        tracking.unsubscribe(run_id=visit.run_id, member_id=visit.member_id)
    return _page(visit.request, "unsubscribed.html", _("You are unsubscribed"), **context)


def _language(request: HttpRequest, otherwise: str) -> str:
    wanted = request.POST.get("lang") or request.GET.get("lang") or ""
    return wanted if wanted in dict(settings.LANGUAGES) else otherwise


def _not_found(request: HttpRequest) -> HttpResponse:
    with translation.override(_language(request, translation.get_language() or "en")):
        return _page(request, "invalid_link.html", _("This link is not valid"), status=404)


def _page(request: HttpRequest, template: str, title: str, *, status: int = 200, **context: Any) -> HttpResponse:
    language = translation.get_language() or "en"
    response = render(
        request,
        f"campaigns/public/{template}",
        {"title": title, "language": language, "languages": settings.LANGUAGES, **context},
        status=status,
    )
    response.headers["Content-Language"] = language
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is a secret of the member's
    return response
