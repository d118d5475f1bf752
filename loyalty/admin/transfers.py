"""The ledger, to read and to search; a transfer is corrected by its mirror image."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from loyalty.actions import reverse_transfer
from loyalty.admin.confirming import ask_first
from loyalty.admin.forms import ReasonForm
from loyalty.models import Account, Transfer
from loyalty.queries import transfers
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.formats import number
from urm.ui.pages import needs, staff_may
from urm.ui.templatetags.ui import ago


def member_side(transfer: Transfer) -> Account:
    to = transfer.credit_account
    return to if to.kind == Account.Kind.MEMBER else transfer.debit_account


@admin.register(Transfer)
class TransferAdmin(ModelAdmin):
    area = "loyalty"
    may_add = may_change = may_delete = False
    sidebar = Entry("reward", 30, "receipt_long")
    empty = Empty(
        _("The ledger is empty"),
        _("Every point that is earned, redeemed, adjusted or expired becomes a line here that nobody can change."),
        icon="receipt_long",
    )
    keyset = ("-id",)
    list_display = ("booked", "member", "kind", "points", "reason", "happened")
    list_filter = ("kind",)
    search_fields = ("reason",)
    search_help_text = _("Name, e-mail, phone or id of a member, or words of the reason")
    fields = ("kind", "amount", "debit_account", "credit_account", "reason", "reverses", "occurred_at", "created_at")
    change_form_outer_after_template = "loyalty/reverse.html"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Transfer]:
        return transfers()

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Transfer], search_term: str
    ) -> tuple[models.QuerySet[Transfer], bool]:
        return (queryset & transfers(search_term) if search_term.strip() else queryset), False

    @admin.display(description=_("booked at"))
    def booked(self, transfer: Transfer) -> str:
        return ago(transfer.created_at)

    @admin.display(description=_("occurred at"))
    def happened(self, transfer: Transfer) -> str:
        return ago(transfer.occurred_at)

    @admin.display(description=_("member"))
    def member(self, transfer: Transfer) -> str:
        member = member_side(transfer).member
        if member is None:
            return "–"
        return format_html(
            '<a class="text-link" href="{}">{}</a>', reverse("admin:members_member_change", args=[member.pk]), member
        )

    @admin.display(description=_("points"))
    def points(self, transfer: Transfer) -> str:
        return f"{'+' if transfer.member_points > 0 else ''}{number(transfer.member_points)}"

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        original = kwargs.get("obj")
        context["may_reverse"] = (
            original is not None
            and original.kind != Transfer.Kind.REVERSE
            and staff_may(request, "loyalty.change")
            and not Transfer.objects.filter(reverses=original).exists()
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        wrap = self.admin_site.admin_view
        return [path("<int:pk>/reverse/", wrap(self.reverse), name="loyalty_reverse"), *urls]

    @needs("loyalty.change")
    def reverse(self, request: HttpRequest, pk: int) -> HttpResponse:
        transfer = self.get_object(request, str(pk))
        member = member_side(transfer).member
        gets = transfer.debit_account.kind == Account.Kind.MEMBER
        text = (
            gettext("%(member)s gets %(points)s points back.")
            if gets
            else gettext("%(member)s loses %(points)s points.")
        )
        return ask_first(
            request,
            form=ReasonForm(request.POST or None),
            context={
                **self.admin_site.each_context(request),
                "title": gettext("Reverse a transfer"),
                "parent_title": self.opts.verbose_name_plural,
                "parent_url": reverse("admin:loyalty_transfer_changelist"),
                "explanation": gettext(
                    "The transfer stays in the ledger; a second one, with the same points back, corrects it."
                ),
                "confirm_label": gettext("Reverse the transfer"),
            },
            summary=lambda _given: text % {"member": member, "points": number(transfer.amount)},
            act=lambda given: reverse_transfer(transfer=transfer, reason=given["reason"]),
            done=_("The transfer is reversed."),
            then=reverse("admin:loyalty_transfer_change", args=[pk]),
        )
