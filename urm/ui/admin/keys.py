"""Keys of the REST API: the token is shown once, at creation; a key is revoked, never deleted."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.validators import URLValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from urm.tenancy.models import ApiKey
from urm.tenancy.roles import SCOPES
from urm.ui.actions import create_key, revoke_key
from urm.ui.admin.base import ModelAdmin
from urm.ui.components import Empty
from urm.ui.confirming import ask_to_confirm, confirmed, is_confirmed
from urm.ui.navigation import Entry
from urm.ui.pages import needs


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    name = forms.CharField(
        label=_("Name"), help_text=_("What uses it, for example: web shop."), widget=UnfoldAdminTextInputWidget
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=ApiKey.Kind.choices,
        initial=ApiKey.Kind.SECRET,
        widget=forms.RadioSelect,
        help_text=_("Publishable keys may stand in a web page: they only write events. Secret keys stay on servers."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[(scope, scope) for scope in SCOPES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What a secret key may do. Give it no more than it needs."),
    )
    allowed_origins = forms.CharField(
        label=_("Allowed origins"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("For publishable keys: web sites that may use it, one a line, such as https://shop.example.com."),
    )
    expires_at = forms.SplitDateTimeField(label=_("Expires at"), required=False, widget=UnfoldAdminSplitDateTimeWidget)

    class Meta:
        model = ApiKey
        fields = ("name", "kind", "scopes", "allowed_origins", "expires_at")

    def clean_allowed_origins(self) -> list[str]:
        origins = [line.strip().rstrip("/") for line in self.cleaned_data["allowed_origins"].splitlines()]
        for origin in filter(None, origins):
            URLValidator(["http", "https"], message=_("Use origins such as https://shop.example.com."))(origin)
        return [origin for origin in origins if origin]

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if moment and moment <= timezone.now():
            raise forms.ValidationError(_("Must lie in the future."))
        return moment

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == ApiKey.Kind.SECRET and not data.get("scopes"):
            self.add_error("scopes", _("Choose at least one scope."))
        return data


@admin.register(ApiKey)
class KeyAdmin(ModelAdmin):
    area = "workspace"
    may_change = may_delete = False
    sidebar = Entry("workspace", 20, "key", key="k")
    empty = Empty(
        _("No keys yet"),
        _("A key lets your shop, app or web site send events and read members through the REST API."),
        icon="key",
        action_label=_("Create a key"),
    )
    add_label = _("Create a key")
    form = KeyForm
    list_display = ("name", "kind", "prefix", "state", "last_used_at", "created_at")
    list_filter = ("kind",)
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)
    fields = ("name", "kind", "scopes", "allowed_origins", "expires_at")
    change_form_outer_after_template = "ui/key_revoke.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Keys are a platform table: nothing but this filter keeps to the workspace."""
        queryset: QuerySet[Any] = super().get_queryset(request)
        return queryset.filter(tenant=request.workspace)  # type: ignore[attr-defined]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "prefix", "state", "created_at", "last_used_at", "revoked_at") if obj else self.fields

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/revoke/", wrap(require_POST(self.revoke)), name="key_revoke"),
            *urls,
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.has_add_permission(request) and not is_confirmed(request):
            return ask_to_confirm(request, then=request.get_full_path())
        response: HttpResponse = super().add_view(request, form_url, extra_context)
        return response

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> ApiKey:
        return ApiKey(tenant=request.workspace)  # type: ignore[attr-defined]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        key, token = create_key(**form.cleaned_data)
        obj.pk, obj.name, obj.prefix = key.pk, key.name, key.prefix
        obj.token = token

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A key has no related rows."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The only page that ever shows the token: rendered from memory, not stored, not cached."""
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Your new key"),
            "key": obj,
            "token": obj.token,
        }
        return TemplateResponse(request, "ui/key_created.html", context)

    @needs("workspace.change")
    @confirmed(back="admin:tenancy_apikey_change")
    def revoke(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self.get_object(request, str(pk))
        revoke_key(key=key)
        messages.success(request, gettext("%(key)s is revoked: it opens nothing any more.") % {"key": key})
        return redirect("admin:tenancy_apikey_change", pk)

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return gettext("revoked")
        if key.expires_at and key.expires_at <= timezone.now():
            return gettext("expired")
        return gettext("active")
