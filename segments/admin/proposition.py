"""The value proposition of a segment: what its members need and get, in each language, version by version."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from segments.actions import save_proposition
from segments.models import Segment
from segments.queries.propositions import current_propositions, in_language, versions_of
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.pages import staff_may
from urm.ui.panels import panel


class PropositionForm(forms.Form):
    pain_points = forms.CharField(
        label=_("Pain points"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("What bothers these members, one point on each line."),
    )
    selling_points = forms.CharField(
        label=_("Selling points"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("What we offer for it, one point on each line."),
    )
    wording = forms.CharField(
        label=_("Plain wording"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("As you would say it to them; messages quote it as segment.value_proposition."),
    )


def proposition_page(request: HttpRequest, segment: Segment, frame: dict[str, Any]) -> HttpResponse:
    """`?language=zh-hans`; POST saves a new version, or makes an old one the newest again."""
    languages = [(code, str(label)) for code, label in settings.LANGUAGES]
    given = request.POST if request.method == "POST" else request.GET
    codes = [code for code, _label in languages]
    language = chosen if (chosen := given.get("language", "")) in codes else (get_language() or codes[0])
    language = language if language in codes else codes[0]
    address = f"{reverse('admin:segment_proposition', args=[segment.pk])}?language={language}"
    current = current_propositions(segment)
    now = current.get(language)
    initial = {name: getattr(now, name) for name in PropositionForm.base_fields} if now else {}
    if not current and segment.value_proposition:
        initial = {"wording": segment.value_proposition}
    if request.method == "POST" and "again" in request.POST:
        number = request.POST["again"]
        old = next((one for one in versions_of(segment, language) if str(one.version) == number), None)
        if old:
            texts = {name: getattr(old, name) for name in PropositionForm.base_fields}
            save_proposition(segment=segment, language=language, **texts)
            messages.success(request, gettext("Version %(version)s holds again.") % {"version": old.version})
        return redirect(address)
    form = PropositionForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        saved = save_proposition(segment=segment, language=language, **form.cleaned_data)
        words = (
            gettext("Version %(version)s is saved.") % {"version": saved.version} if saved else gettext("No change.")
        )
        messages.success(request, words)
        return redirect(address)
    context = {
        **frame,
        "title": gettext("Value proposition of %(segment)s") % {"segment": segment},
        "segment": segment,
        "form": form,
        "language": language,
        "languages": [(code, label, current.get(code)) for code, label in languages],
        "versions": versions_of(segment, language),
        "may_change": staff_may(request, "segments.change"),
    }
    return TemplateResponse(request, "segments/proposition.html", context)


@panel("segment", title=_("Value proposition"), capability="segments.view", template="segments/panels/proposition.html",
       order=10)  # fmt: skip
def proposition(request: WorkspaceRequest, segment: Segment) -> dict[str, Any]:
    current = current_propositions(segment)
    shown = in_language(current, [get_language(), request.workspace.language])
    return {"segment": segment, "shown": shown, "others": sorted(set(current) - {shown.language if shown else ""})}
