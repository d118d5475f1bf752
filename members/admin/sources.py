"""Where members come from: posters, stores, campaigns; each with its link and QR code."""

from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import segno
from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from unfold.widgets import UnfoldAdminURLInputWidget

from members.models import AcquisitionSource
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.admin.forms import TenantModelForm
from urm.ui.pages import needs


def link_of(source: AcquisitionSource) -> str:
    """The landing page with `src` set to the code; empty without a landing page."""
    if not source.landing_url:
        return ""
    parts = urlsplit(source.landing_url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "src"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("src", source.code)])))


class SourceForm(TenantModelForm):
    landing_url = forms.URLField(
        label=_("landing page"),
        required=False,
        max_length=1000,
        assume_scheme="https",
        help_text=_("Where its link and its QR code lead."),
        widget=UnfoldAdminURLInputWidget,
    )

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"].strip().lower()
        if not code or any(character.isspace() for character in code):
            raise forms.ValidationError(gettext("Must not hold blanks; use - between words."))
        return code


@admin.register(AcquisitionSource)
class SourceAdmin(ModelAdmin):
    area = "members"
    may_delete = False  # members refer to it
    form = SourceForm
    sidebar = Entry("people", 60, "signpost")
    empty = Empty(
        _("No sources yet"),
        _(
            "A source is a poster, a store or a campaign that brings people. Links and QR codes with its code tell "
            "who came by it; what other links say is found by itself."
        ),
        icon="signpost",
        action_label=_("Add a source"),
    )
    add_label = _("Add a source")
    keyset = ("code", "id")
    list_display = ("code", "name", "kind", "learned", "created_at")
    list_filter = ("kind", "learned")
    search_fields = ("code", "name")
    fields = ("code", "name", "kind", "landing_url")
    change_form_outer_after_template = "members/source_tools.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/qr.svg", wrap(require_safe(self.qr)), name="source_qr"), *urls]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        source = AcquisitionSource.objects.filter(pk=object_id).first() if object_id and object_id.isdigit() else None
        context = {"source_link": link_of(source) if source else "", **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    @needs("members.view")
    def qr(self, request: HttpRequest, pk: int) -> HttpResponse:
        link = link_of(self.get_object(request, str(pk)))
        if not link:
            raise Http404
        svg = BytesIO()
        segno.make(link, error="m", micro=False).save(svg, kind="svg", scale=8, border=4, light="#fff", xmldecl=False)
        response = HttpResponse(svg.getvalue(), content_type="image/svg+xml")
        if "download" in request.GET:
            response["Content-Disposition"] = f'attachment; filename="source-{pk}.svg"'
        return response
