"""The programme's settings, and its tiers."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from loyalty.actions import award_past_purchases, create_tier, delete_tier, save_programme, update_tier
from loyalty.models import Account, Programme, Tier
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.formats import number
from urm.ui.pages import needs


@admin.register(Programme)
class ProgrammeAdmin(ModelAdmin):
    """There is one: the list's address shows it, or the form that makes it."""

    area = "loyalty"
    may_delete = False
    sidebar = Entry("reward", 10, "stars", key="p")
    fields = ("name", "active", "points_per_unit", "starts_at", "ends_at", "expiry_days")
    change_form_outer_after_template = "loyalty/award.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not Programme.objects.exists()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        programme = Programme.objects.first()
        if programme is not None and self.has_view_permission(request):
            return self.change_view(request, str(programme.pk))  # type: ignore[no-any-return]
        if self.has_add_permission(request):
            return self.add_view(request)  # type: ignore[no-any-return]
        return super().changelist_view(request, extra_context)

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        obj.pk = save_programme(**form.cleaned_data).pk

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        return [path("award/", self.admin_site.admin_view(self.award), name="loyalty_award"), *urls]

    @needs("loyalty.change")
    def award(self, request: HttpRequest) -> HttpResponse:
        """Points for purchases from before the programme, after asking."""
        programme = Programme.objects.first()
        if programme is None:
            return redirect("admin:loyalty_programme_changelist")
        back = reverse("admin:loyalty_programme_change", args=[programme.pk])
        if request.method == "POST":
            award_past_purchases()
            messages.success(request, gettext("The log is being read again; points appear within minutes."))
            return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Award past purchases"),
            "parent_title": programme.name,
            "parent_url": back,
        }
        return TemplateResponse(request, "loyalty/award_confirm.html", context)


@admin.register(Tier)
class TierAdmin(ModelAdmin):
    area = "loyalty"
    sidebar = Entry("reward", 15, "military_tech")
    empty = Empty(
        _("No tiers yet"),
        _("A tier is a rank that members reach by their lifetime points, such as Silver from 1,000."),
        icon="military_tech",
        action_label=_("Add a tier"),
    )
    list_display = ("name", "from_points", "members", "benefits")
    ordering = ("threshold",)
    fields = ("name", "threshold", "benefits")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Tier]:
        return Tier.objects.annotate(member_count=models.Count("accounts"))

    @admin.display(description=_("from lifetime points"), ordering="threshold")
    def from_points(self, tier: Tier) -> str:
        return number(tier.threshold)

    @admin.display(description=_("members"))
    def members(self, tier: Any) -> str:
        return number(tier.member_count)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = form.cleaned_data
        obj.pk = (update_tier(tier=obj, **values) if change else create_tier(**values)).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_tier(tier=obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Accounts do not stand in the way: their members move to the tier below."""
        count = Account.objects.filter(tier__in=[tier.pk for tier in objs]).count()
        moving = gettext("Members who move to the tier below: %(count)s") % {"count": number(count)}
        return [str(tier) for tier in objs] + [moving], {}, set(), []
