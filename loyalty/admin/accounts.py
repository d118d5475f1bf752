"""Members' accounts: what they have, and giving or taking points by hand."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from loyalty import queries
from loyalty.actions import adjust_points
from loyalty.admin.confirming import ask_first
from loyalty.admin.forms import AdjustForm
from loyalty.models import Account, Tier
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.formats import number
from urm.ui.pages import needs, staff_may
from urm.ui.templatetags.ui import ago

WHOSE = Empty(
    _("Whose points?"),
    _("Find the member first; their page has a button for it."),
    icon="group",
    action_label=_("Find a member"),
    action_url="admin:members_member_changelist",
)


class TierFilter(admin.SimpleListFilter):
    title = _("tier")
    parameter_name = "tier"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return list(Tier.objects.order_by("threshold").values_list("id", "name"))

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        value = self.value()
        return queryset.filter(tier=int(value)) if value and value.isdigit() and len(value) < 19 else queryset


@admin.register(Account)
class AccountAdmin(ModelAdmin):
    area = "loyalty"
    may_add = may_change = may_delete = False
    sidebar = Entry("reward", 20, "account_balance_wallet")
    empty = Empty(
        _("No accounts yet"),
        _("A member's account opens with the first points: by a purchase, or given by hand on the member's page."),
        icon="account_balance_wallet",
    )
    keyset = ("-id",)
    list_display = ("owner", "points", "lifetime", "tier", "tier_when", "opened")
    list_filter = (TierFilter,)
    list_select_related = ("member", "tier")
    search_fields = ("member__search_text",)
    search_help_text = _("Name, e-mail, phone or id of a member")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Account], search_term: str
    ) -> tuple[models.QuerySet[Account], bool]:
        return (queryset & queries.accounts(search_term) if search_term.strip() else queryset), False

    @admin.display(description=_("member"))
    def owner(self, account: Account) -> str:
        return str(account.member) if account.member else gettext("Workspace: %(kind)s") % {"kind": account}

    @admin.display(description=_("points"))
    def points(self, account: Account) -> str:
        return number(account.balance)

    @admin.display(description=_("lifetime points"))
    def lifetime(self, account: Account) -> str:
        return number(account.lifetime_points)

    @admin.display(description=_("in the tier since"))
    def tier_when(self, account: Account) -> str:
        return ago(account.tier_since)

    @admin.display(description=_("account opened"))
    def opened(self, account: Account) -> str:
        return ago(account.opened_at)

    # --- one account

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        wrap = self.admin_site.admin_view
        return [
            path("adjust/", wrap(self.adjust), name="loyalty_adjust"),
            *urls,
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        account = self.get_object(request, object_id)
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        context = {
            **self.admin_site.each_context(request),
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:loyalty_account_changelist"),
            "account": account,
        }
        if account.member is None:
            context |= {
                "title": gettext("Workspace: %(kind)s") % {"kind": account},
                "balance": queries.own_balance(account.kind),
                "transfers": queries.transfers()
                .filter(models.Q(debit_account=account) | models.Q(credit_account=account))
                .order_by("-pk")[:50],
            }
            return TemplateResponse(request, "loyalty/own_account.html", context)
        context |= {
            "title": gettext("Points of %(member)s") % {"member": account.member},
            "member": account.member,
            "has": queries.member_points(account.member),
            "transfers": queries.transfers_of(account.member)[:50],
            "lots": account.lots.filter(is_open=True).order_by("expires_at", "pk")[:50],
            "changes": account.tier_changes.order_by("-at", "-pk")[:20],
            "redemptions": queries.redemptions_of(account.member)[:20],
            "may_adjust": staff_may(request, "loyalty.change"),
        }
        return TemplateResponse(request, "loyalty/account.html", context)

    @needs("loyalty.change")
    def adjust(self, request: HttpRequest) -> HttpResponse:
        """Give or take points of `?member=`, who may not have an account yet."""
        if "member" not in request.GET:
            choose = {**self.admin_site.each_context(request), "title": gettext("Adjust points"), "empty": WHOSE}
            return TemplateResponse(request, "loyalty/whose.html", choose)
        member = queries.member_or_404(request.GET["member"])

        def summary(given: dict[str, Any]) -> str:
            count = abs(given["points"])
            text = (
                ngettext("%(member)s gets %(points)s point.", "%(member)s gets %(points)s points.", count)
                if given["points"] > 0
                else ngettext("%(member)s loses %(points)s point.", "%(member)s loses %(points)s points.", count)
            )
            return text % {"member": member, "points": number(count)}

        return ask_first(
            request,
            form=AdjustForm(request.POST or None),
            context={
                **self.admin_site.each_context(request),
                "title": gettext("Adjust points of %(member)s") % {"member": member},
                "parent_title": str(member),
                "parent_url": reverse("admin:members_member_change", args=[member.pk]),
                "explanation": gettext("The member has %(points)s points now. Tiers stay as they are.")
                % {"points": number(queries.member_points(member).points)},
                "confirm_label": gettext("Adjust points"),
            },
            summary=summary,
            act=lambda given: adjust_points(
                member=member, points=given["points"], reason=given["reason"], idempotency_key=str(given["token"])
            ),
            done=_("The points are booked."),
            then=reverse("admin:members_member_change", args=[member.pk]),
        )
