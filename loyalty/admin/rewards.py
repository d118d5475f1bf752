"""What points buy, and who bought what."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from loyalty.actions import cancel_redemption, create_reward, update_reward
from loyalty.admin.confirming import ask_first
from loyalty.admin.forms import ReasonForm
from loyalty.models import Redemption, Reward
from members.queries import search_members
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.formats import number
from urm.ui.pages import needs, staff_may
from urm.ui.templatetags.ui import ago


@admin.register(Reward)
class RewardAdmin(ModelAdmin):
    area = "loyalty"
    may_delete = False  # redemptions refer to it; switch it off instead
    sidebar = Entry("reward", 40, "redeem", key="r")
    empty = Empty(
        _("No rewards yet"),
        _("A reward is what members get for their points: a voucher, a gift, early access."),
        icon="redeem",
        action_label=_("Add a reward"),
    )
    list_display = ("name", "cost_points", "left", "redeemed", "per_member_limit", "active")
    list_filter = ("active",)
    search_fields = ("name", "description")
    ordering = ("cost", "id")
    fields = ("name", "description", "cost", "stock", "per_member_limit", "active")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Reward]:
        open_ = models.Q(redemptions__cancelled_at=None)
        return Reward.objects.annotate(times=models.Count("redemptions", filter=open_))

    @admin.display(description=_("cost in points"), ordering="cost")
    def cost_points(self, reward: Reward) -> str:
        return number(reward.cost)

    @admin.display(description=_("stock"))
    def left(self, reward: Reward) -> Any:
        return _("unlimited") if reward.stock is None else number(reward.stock)

    @admin.display(description=_("times redeemed"))
    def redeemed(self, reward: Any) -> str:
        return number(reward.times)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = form.cleaned_data
        if change and "stock" not in form.changed_data:  # somebody may have redeemed one while the form was open
            values = {name: value for name, value in values.items() if name != "stock"}
        obj.pk = (update_reward(reward=obj, **values) if change else create_reward(**values)).pk


@admin.register(Redemption)
class RedemptionAdmin(ModelAdmin):
    area = "loyalty"
    may_add = may_change = may_delete = False
    sidebar = Entry("reward", 45, "shopping_bag")
    empty = Empty(
        _("Nothing redeemed yet"),
        _("Redemptions come in through the REST API, from your shop's check-out."),
        icon="shopping_bag",
    )
    keyset = ("-id",)
    list_display = ("redeemed_when", "member", "reward", "points_spent", "state")
    list_filter = ("reward",)
    list_select_related = ("member", "reward")
    search_fields = ("reward__name",)
    search_help_text = _("Name, e-mail, phone or id of a member")
    fields = ("redeemed_at", "member", "reward", "points", "cancelled_at")
    change_form_outer_after_template = "loyalty/cancel.html"

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Redemption], search_term: str
    ) -> tuple[models.QuerySet[Redemption], bool]:
        if search_term.strip():
            queryset = queryset.filter(member__in=search_members(search_term).order_by().values("pk"))
        return queryset, False

    @admin.display(description=_("redeemed at"))
    def redeemed_when(self, redemption: Redemption) -> str:
        return ago(redemption.redeemed_at)

    @admin.display(description=_("points"))
    def points_spent(self, redemption: Redemption) -> str:
        return number(redemption.points)

    @admin.display(description=_("state"))
    def state(self, redemption: Redemption) -> Any:
        if redemption.cancelled_at is None:
            return _("redeemed")
        return format_html("{} {}", _("cancelled"), ago(redemption.cancelled_at))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        original = kwargs.get("obj")
        context["may_cancel"] = (
            original is not None and original.cancelled_at is None and staff_may(request, "loyalty.change")
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        wrap = self.admin_site.admin_view
        return [path("<int:pk>/cancel/", wrap(self.cancel), name="loyalty_cancel"), *urls]

    @needs("loyalty.change")
    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        redemption = self.get_object(request, str(pk))
        points = number(redemption.points)
        return ask_first(
            request,
            form=ReasonForm(request.POST or None),
            context={
                **self.admin_site.each_context(request),
                "title": gettext("Cancel a redemption"),
                "parent_title": self.opts.verbose_name_plural,
                "parent_url": reverse("admin:loyalty_redemption_changelist"),
                "confirm_label": gettext("Cancel the redemption"),
            },
            summary=lambda _given: (
                gettext("%(member)s gets %(points)s points back for “%(reward)s”.")
                % {"member": redemption.member, "points": points, "reward": redemption.reward}
            ),
            act=lambda given: cancel_redemption(redemption=redemption, reason=given["reason"]),
            done=_("The redemption is cancelled."),
            then=reverse("admin:loyalty_redemption_change", args=[pk]),
        )
