"""The preference centre and the pages behind links to be confirmed. The sealed address is the whole credential.

No session, no cookie, no script: so no CSRF token either, for there is no ambient authority to abuse. A GET, by a mail
scanner or a curious program, changes nothing and sends nothing.
"""

from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from members.actions import ask_for_download, ask_for_erasure, confirm, export_person
from members.actions.export import as_html, as_json
from members.actions.preferences import choose_preferences, leave_everything
from members.models import Confirmation, ConsentPurpose, ConsentWording, Member
from members.queries.languages import language_of
from members.queries.links import NOBODY, preferences_path, read_confirmation_token, read_preferences_token
from members.queries.preferences import masked, preferences
from urm.audit.actor import Actor, acting_as
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

SAID = {
    "saved": lambda: _("Saved. What is on its way at this moment may still arrive."),
    "left": lambda: _("You will get no more messages from us. What is on its way at this moment may still arrive."),
    "download": lambda: _("We have sent a link to your e-mail address. It leads to everything we know about you."),
    "erasure": lambda: _("We have sent a link to your e-mail address. Open it to confirm the erasure."),
}


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preference_centre(request: HttpRequest, token: str) -> HttpResponse:
    """Channels and purposes to choose from; all of it works without script."""
    sealed = read_preferences_token(token)
    tenant = Tenant.objects.filter(pk=sealed[0]).first() if sealed else None
    if sealed is None or tenant is None:
        return _invalid(request)
    with tenant_context(tenant.pk), timezone.override(tenant.zone):
        if sealed[1] == NOBODY:
            with translation.override(_language(request, tenant.language)):
                text = _("This link comes from a test message: nothing will be changed.")
                return _page(request, "message.html", _("Your preferences"), text=text)
        member = _survivor(sealed[1])
        if member is None:
            return _invalid(request)
        with translation.override(_language(request, language_of(member, tenant))):
            if request.method == "POST":
                return _choose(request, member, tenant)
            return _preferences(request, member, tenant)


def _preferences(request: HttpRequest, member: Member, tenant: Tenant, problem: str = "") -> HttpResponse:
    said = SAID.get(request.GET.get("said", ""))
    shown = preferences(member, translation.get_language() or "en")
    return _page(
        request,
        "preferences.html",
        _("Your preferences"),
        status=409 if problem else 200,
        workspace=tenant.name,
        address=masked(member.email) or masked(member.phone),
        can_be_written_to=bool(member.email),
        purposes=[one for one in shown if one.choices],
        said=said() if said else "",
        problem=problem,
        erasing=member.erasure_requested_at is not None,
    )


def _choose(request: HttpRequest, member: Member, tenant: Tenant) -> HttpResponse:
    language = translation.get_language() or "en"
    said = request.POST.get("do", "")
    try:
        if said == "leave":
            leave_everything(member=member)
            said = "left"
        elif said == "download":
            ask_for_download(member=member)
        elif said == "erasure":
            ask_for_erasure(member=member)
        else:
            choose_preferences(
                member=member,
                shown=request.POST.getlist("shown"),
                chosen=request.POST.getlist("chosen"),
                language=language,
            )
            said = "saved"
    except ValidationError as error:
        return _preferences(request, member, tenant, problem=" ".join(error.messages))
    return HttpResponseRedirect(f"{request.path}?said={said}&lang={language}", status=303)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirmation(request: HttpRequest, token: str) -> HttpResponse:
    """The question behind a mailed link; only a POST answers it."""
    sealed = read_confirmation_token(token)
    tenant = Tenant.objects.filter(pk=sealed[0]).first() if sealed else None
    if sealed is None or tenant is None:
        return _invalid(request)
    with tenant_context(tenant.pk), timezone.override(tenant.zone):
        row = Confirmation.objects.select_related("member").filter(pk=sealed[1]).first()
        if row is None or row.member.erased_at is not None:
            return _invalid(request)
        with translation.override(_language(request, language_of(row.member, tenant))):
            return _confirmation(request, row, tenant)


def _confirmation(request: HttpRequest, row: Confirmation, tenant: Tenant) -> HttpResponse:
    over = row.expires_at <= timezone.now()
    if over and (row.confirmed_at is None or row.kind == Confirmation.Kind.DOWNLOAD):
        text = _("Ask for a new one in your preferences.")
        back = {"url": preferences_path(row.member_id), "label": _("Your preferences")}
        return _page(request, "message.html", _("This link has expired"), status=410, text=text, back=back)
    if request.method == "POST":
        confirm(confirmation=row)
        row.refresh_from_db()
        if row.kind == Confirmation.Kind.DOWNLOAD:
            return _download(row.member, request.POST.get("format", ""))
    back = {"url": preferences_path(row.member_id), "label": _("Your preferences")}
    if row.confirmed_at is not None and row.kind != Confirmation.Kind.DOWNLOAD:
        if row.kind == Confirmation.Kind.ERASURE:
            text = _("Everything personal is being removed. This takes a few minutes.")
            return _page(request, "message.html", _("Your data is being erased"), text=text)
        return _page(request, "message.html", _("Thank you"), text=_("It is confirmed."), back=back)
    purpose = ConsentPurpose.objects.filter(key=row.purpose).first()
    return _page(
        request,
        "confirmation.html",
        {
            Confirmation.Kind.CONSENT: _("Please confirm"),
            Confirmation.Kind.DOWNLOAD: _("Your data"),
            Confirmation.Kind.ERASURE: _("Erase everything about me"),
        }[Confirmation.Kind(row.kind)],
        workspace=tenant.name,
        confirmation=row,
        purpose=purpose,
        wording=_wording(row.wording),
    )


def _download(member: Member, wanted: str) -> HttpResponse:
    """To keep: a document to read, or the same for programs."""
    with acting_as(Actor("member", member.pk, f"#{member.pk}")):
        sections = export_person(member=member)
    if wanted == "json":
        content, name = orjson.dumps(as_json(sections), option=orjson.OPT_INDENT_2), "my-data.json"
    else:
        content, name = as_html(sections).encode(), "my-data.html"
    kind = "application/json" if wanted == "json" else "text/html; charset=utf-8"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Referrer-Policy": "no-referrer"}
    return HttpResponse(content, content_type=kind, headers=headers)


def _wording(reference: str) -> ConsentWording | None:
    """The words behind a reference such as `marketing/en/2`; none for versions that others keep."""
    key, _slash, rest = reference.partition("/")
    language, _slash, version = rest.partition("/")
    if not version.isdigit() or len(version) > 9:
        return None
    return ConsentWording.objects.filter(purpose__key=key, language=language, version=int(version)).first()


def _survivor(member_id: int) -> Member | None:
    """The member, or who they were merged into; None once erased."""
    member = Member.objects.select_related("merged_into").filter(pk=member_id).first()
    seen = 0
    while member is not None and member.merged_into_id is not None and seen < 10:
        member, seen = member.merged_into, seen + 1
    return member if member is not None and member.erased_at is None else None


def _language(request: HttpRequest, otherwise: str) -> str:
    wanted = request.POST.get("lang") or request.GET.get("lang") or ""
    return wanted if wanted in dict(settings.LANGUAGES) else otherwise


def _invalid(request: HttpRequest) -> HttpResponse:
    with translation.override(_language(request, translation.get_language() or "en")):
        text = _("Please open the link from your message again, or copy all of it.")
        return _page(request, "message.html", _("This link is not valid"), status=404, text=text)


def _page(request: HttpRequest, template: str, title: str, *, status: int = 200, **context: Any) -> HttpResponse:
    language = translation.get_language() or "en"
    response = render(
        request,
        f"members/public/{template}",
        {"title": title, "language": language, "languages": Tenant.Language.choices, **context},
        status=status,
    )
    response.headers["Content-Language"] = language
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is a secret of the member's
    return response
