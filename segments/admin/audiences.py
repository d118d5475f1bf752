"""Audience syncs: where segments are kept current outside, how that goes, and what can be done."""

import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from members.models import Member
from segments.actions.audiences import (
    FIELDS,
    create_audience_sync,
    delete_audience_sync,
    renew_secret,
    run_now,
    set_active,
)
from segments.models import AudienceSync, Segment, SyncBatch, SyncedMember
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.attention import Concern, concern
from urm.ui.confirming import ask_to_confirm, confirmed, is_confirmed
from urm.ui.pages import needs, staff_may
from urm.ui.templatetags.ui import ago

SHOWN_BATCHES = 50


class SyncForm(forms.Form):
    name = forms.CharField(label=_("name"), max_length=100, widget=UnfoldAdminTextInputWidget)
    segment: Any = forms.ModelChoiceField(label=_("segment"), queryset=None, widget=UnfoldAdminSelectWidget)
    destination = forms.ChoiceField(
        label=_("destination"), choices=AudienceSync.Destination.choices, widget=UnfoldAdminSelectWidget
    )
    url = forms.URLField(
        label=_("address"),
        required=False,
        max_length=1000,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget,
        help_text=_("Of a webhook: it gets signed POST requests. Only public addresses, ports 80 and 443."),
    )
    store = forms.ChoiceField(
        label=_("store"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Of files: one of the places that the operator of this installation has named."),
    )
    format = forms.ChoiceField(
        label=_("format"), choices=AudienceSync.Format.choices, widget=UnfoldAdminSelectWidget, help_text=_("Of files.")
    )
    mode = forms.ChoiceField(label=_("when"), choices=AudienceSync.Mode.choices, widget=UnfoldAdminSelectWidget)
    every_hours = forms.IntegerField(
        label=_("every so many hours"), initial=24, min_value=1, max_value=744, widget=UnfoldAdminIntegerFieldWidget
    )
    profile_fields = forms.MultipleChoiceField(
        label=_("fields"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The external id always goes along. Send no more than the receiver needs."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["segment"].queryset = Segment.objects.order_by("name")
        fields["store"].choices = [("", "–"), *((name, name) for name in settings.AUDIENCE_STORES)]
        labels = {field.name: field.verbose_name for field in Member._meta.concrete_fields}
        fields["profile_fields"].choices = [(name, labels[name]) for name in FIELDS]


@admin.register(AudienceSync)
class AudienceAdmin(ModelAdmin):
    area = "segments"
    may_change = False
    sidebar = Entry("people", 25, "sync_alt")
    empty = Empty(
        _("No audience is synced yet"),
        _("A sync keeps a segment current in another system: who enters is added there, who leaves is removed."),
        icon="sync_alt",
        action_label=_("Sync an audience"),
    )
    add_label = _("Sync an audience")
    keyset = ("-created_at", "-id")
    list_display = ("name", "segment", "destination", "mode", "state", "delivered")
    list_filter = ("destination", "active")
    list_select_related = ("segment",)
    search_fields = ("name",)

    @admin.display(description=_("state"))
    def state(self, sync: AudienceSync) -> str:
        return state_of(sync)

    @admin.display(description=_("last delivered"))
    def delivered(self, sync: AudienceSync) -> str:
        return ago(sync.delivered_at)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/run/", wrap(require_POST(self.run)), name="audience_run"),
            path("<int:pk>/switch/", wrap(require_POST(self.switch)), name="audience_switch"),
            path("<int:pk>/secret/", wrap(require_POST(self.secret)), name="audience_secret"),
            path("<int:pk>/remove/", wrap(require_POST(self.remove)), name="audience_remove"),
            *urls,
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # the page has a button of its own

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return staff_may(request, "segments.change") and staff_may(request, "members.export")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if not is_confirmed(request):
            return ask_to_confirm(request, then=request.get_full_path())
        form = SyncForm(request.POST or None, initial={"segment": request.GET.get("segment")})
        if request.method == "POST" and form.is_valid():
            try:
                chosen = form.cleaned_data.pop("profile_fields")
                sync, secret = create_audience_sync(**form.cleaned_data, fields=chosen)
            except ValidationError as error:
                for name, texts in error.message_dict.items():
                    form.add_error(name if name in form.fields else None, texts)
            else:
                if secret:
                    return self._secret_page(request, sync, secret)
                messages.success(request, gettext("%(sync)s begins now.") % {"sync": sync})
                return redirect("admin:segments_audiencesync_change", sync.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Sync an audience"),
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:segments_audiencesync_changelist"),
            "form": form,
        }
        return TemplateResponse(request, "segments/audience_add.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        sync = self.get_object(request, object_id)
        if not self.has_view_permission(request, sync):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        context = {
            **self.admin_site.each_context(request),
            "title": str(sync),
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:segments_audiencesync_changelist"),
            "sync": sync,
            "state": state_of(sync),
            "known": SyncedMember.objects.filter(sync=sync).count(),
            "batches": [(batch, shown_problem(batch.problem)) for batch in newest_batches(sync)],
            "may_change": staff_may(request, "segments.change"),
        }
        return TemplateResponse(request, "segments/audience.html", context)

    @needs("segments.change")
    def run(self, request: HttpRequest, pk: int) -> HttpResponse:
        run_now(sync=self.get_object(request, str(pk)))
        messages.success(request, gettext("It is looked at within moments."))
        return redirect("admin:segments_audiencesync_change", pk)

    @needs("segments.change")
    def switch(self, request: HttpRequest, pk: int) -> HttpResponse:
        sync = self.get_object(request, str(pk))
        set_active(sync=sync, active=not sync.active)
        return redirect("admin:segments_audiencesync_change", pk)

    @needs("segments.change")
    @confirmed(back="admin:segments_audiencesync_change")
    def secret(self, request: HttpRequest, pk: int) -> HttpResponse:
        sync = self.get_object(request, str(pk))
        return self._secret_page(request, sync, renew_secret(sync=sync))

    @needs("segments.change")
    def remove(self, request: HttpRequest, pk: int) -> HttpResponse:
        delete_audience_sync(sync=self.get_object(request, str(pk)))
        messages.success(request, gettext("The sync is deleted; what the other system has stays there."))
        return redirect("admin:segments_audiencesync_changelist")

    def _secret_page(self, request: HttpRequest, sync: AudienceSync, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Signing secret"),
            "sync": sync,
            "secret": secret,
        }
        response = TemplateResponse(request, "segments/audience_secret.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response


def newest_batches(sync: AudienceSync) -> QuerySet[SyncBatch]:
    return SyncBatch.objects.filter(sync=sync).defer("added", "removed").order_by("-number")[:SHOWN_BATCHES]


def state_of(sync: AudienceSync) -> str:
    problem = shown_problem(sync.problem)
    if not sync.active:
        return gettext("stopped: %(problem)s") % {"problem": problem} if problem else gettext("paused")
    return gettext("failing: %(problem)s") % {"problem": problem} if problem else gettext("running")


def shown_problem(problem: str) -> str:
    """In the reader's language, where the catalogue has it: problems are noted in English."""
    if answered := re.fullmatch(r"The receiver answered (\d+)\.", problem):
        return gettext("The receiver answered %(status)s.") % {"status": answered[1]}
    return gettext(problem) if problem else ""


@concern("segments.view")
def failing_syncs(request: WorkspaceRequest) -> Concern | None:
    count = AudienceSync.objects.exclude(problem="").count()
    if not count:
        return None
    text = ngettext("audience sync has a problem", "audience syncs have a problem", count)
    return Concern(text, count, reverse("admin:segments_audiencesync_changelist"))
