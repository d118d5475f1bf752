"""Consent: purposes, the words that members agree to, the proof; and the suppression list."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members.actions import MemberError, lift_suppression, publish_wording, suppress_address
from members.models import ConsentPurpose, ConsentRecord, ConsentWording, Suppression
from urm.ui.admin import Empty, Entry, ModelAdmin, actor_column
from urm.ui.admin.forms import TenantModelForm


@admin.register(ConsentPurpose)
class PurposeAdmin(ModelAdmin):
    area = "workspace"
    may_delete = False  # campaigns, rules and proofs name it
    sidebar = Entry("workspace", 60, "handshake")
    heading = _("Consent")
    add_label = _("Add a purpose")
    empty = Empty(
        _("No purposes yet"),
        _("A purpose is what members are asked to allow, such as marketing or a newsletter."),
        icon="handshake",
        action_label=_("Add a purpose"),
    )
    list_display = ("__str__", "key", "double_opt_in", "offered", "wordings")
    ordering = ("position", "key")
    fields = ("key", "name_en", "name_zh", "position", "double_opt_in", "offered")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentPurpose]:
        return ConsentPurpose.objects.annotate(wording_count=Count("wordings"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("key",) if obj else ()

    @admin.display(description=_("wordings"))
    def wordings(self, purpose: Any) -> int:
        return int(purpose.wording_count)


@admin.register(ConsentWording)
class WordingAdmin(ModelAdmin):
    area = "workspace"
    may_change = may_delete = False  # it was agreed to: other words are a new version
    sidebar = Entry("workspace", 61, "article")
    add_label = _("Publish a wording")
    empty = Empty(
        _("No wordings yet"),
        _("Publish the words that members agree to: every consent then says which version they read."),
        icon="article",
        action_label=_("Publish a wording"),
    )
    list_display = ("reference", "purpose", "language", "version", "created_at", "by")
    by = actor_column("created_by", _("created by"))
    list_filter = ("language",)
    list_select_related = ("purpose",)
    search_fields = ("text", "purpose__key")
    ordering = ("-created_at", "-id")
    fields = ("purpose", "language", "text")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "version", "created_at", "created_by") if obj else self.fields

    @admin.display(description=_("reference"))
    def reference(self, wording: ConsentWording) -> str:
        return wording.reference

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        saved = publish_wording(**form.cleaned_data)
        obj.pk, obj.version = saved.pk, saved.version


@admin.register(ConsentRecord)
class RecordAdmin(ModelAdmin):
    area = "members"
    may_add = may_change = may_delete = False
    empty = Empty(_("Nothing was said yet"), _("Every consent and every withdrawal is kept here with its proof."))
    keyset = ("-id",)
    list_display = ("at", "member", "channel", "purpose", "granted", "source", "wording", "by")
    by = actor_column("recorded_by", _("recorded by"))
    list_filter = ("channel", "granted")
    list_select_related = ("member",)
    search_fields = ("member__search_text", "purpose", "source")
    search_help_text = _("Member, purpose or source")
    fields = ("member", "channel", "purpose", "granted", "at", "source", "wording", "recorded_by", "proof")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup == "member__id__exact" or bool(super().lookup_allowed(lookup, value, request))


class SuppressionForm(TenantModelForm):
    channel = forms.ChoiceField(label=_("Channel"), choices=[("email", _("e-mail")), ("sms", _("SMS"))])
    address = forms.CharField(
        label=_("Address"), max_length=254, help_text=_("An e-mail address, or a phone number with country code.")
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Why nothing may be sent to it; colleagues read this.")
    )

    class Meta:
        model = Suppression
        fields = ("channel", "address", "reason")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        address = values.get("address")
        if address:
            digest = Suppression.digest_of(values["channel"], address)
            if Suppression.objects.filter(channel=values["channel"], digest=digest).exists():
                self.add_error("address", gettext("This address is on the list already."))
        return values


@admin.register(Suppression)
class SuppressionAdmin(ModelAdmin):
    area = "members"
    may_change = False
    sidebar = Entry("talk", 70, "block")
    add_label = _("Add an address")
    empty = Empty(
        _("No address is suppressed"),
        _("Addresses that bounced or complained come here by themselves; nothing is ever sent to them."),
        icon="block",
        action_label=_("Add an address"),
    )
    form = SuppressionForm
    keyset = ("-created_at", "-id")
    list_display = ("shown", "channel", "why", "created_at")
    list_filter = ("channel",)
    search_fields = ("address", "reason")
    search_help_text = _("Address or reason")
    fields = ("channel", "address", "reason")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("channel", "shown", "why", "created_at") if obj else self.fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        """A whole address is found by its digest too: those of erased people have no other trace."""
        found, distinct = super().get_search_results(request, queryset, search_term)
        if search_term and not found.exists():
            digests = [Suppression.digest_of(channel, search_term) for channel in ("email", "sms")]
            found = queryset.filter(digest__in=digests)
        return found, distinct

    @admin.display(description=_("address"))
    def shown(self, row: Suppression) -> str:
        return row.address or gettext("of an erased person")

    @admin.display(description=_("reason"))
    def why(self, row: Suppression) -> str:
        return str(Suppression.Reason(row.reason).label) if row.reason in Suppression.Reason.values else row.reason

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Suppression:
        return Suppression()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        try:
            saved, _created = suppress_address(**form.cleaned_data)
        except MemberError as error:
            raise ValidationError(error.fields) from error
        obj.pk, obj.address, obj.channel = saved.pk, saved.address, saved.channel

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        lift_suppression(suppression=obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        response: HttpResponse = super().response_delete(request, obj_display, obj_id)
        messages.info(request, gettext("It may be written to again as far as consent allows."))
        return response
