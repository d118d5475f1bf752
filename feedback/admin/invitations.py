"""Who was asked, and what became of it."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feedback.models import Invitation
from members.queries import search_members
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.templatetags.ui import ago


@admin.register(Invitation)
class InvitationAdmin(ModelAdmin):
    area = "feedback"
    may_add = may_change = may_delete = False
    sidebar = Entry("listen", 30, "outgoing_mail")
    empty = Empty(
        _("Nobody was invited yet"),
        _("Active surveys invite members by e-mail after the event that they name."),
        icon="outgoing_mail",
    )
    keyset = ("-created_at", "-id")
    list_display = ("member", "survey", "state", "reason", "created", "sent", "answered")
    list_filter = ("survey", "state", "answered")
    list_select_related = ("member", "survey")
    search_fields = ("member__search_text",)
    search_help_text = _("Name, e-mail, phone or id of a member")
    fields = ("survey", "member", "state", "reason", "created_at", "send_at", "sent_at", "expires_at", "answered")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Invitation], search_term: str
    ) -> tuple[models.QuerySet[Invitation], bool]:
        if search_term.strip():
            queryset = queryset.filter(member__in=search_members(search_term).order_by().values("pk"))
        return queryset, False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("reason",)

    @admin.display(description=_("detail"))
    def reason(self, invitation: Invitation) -> str:
        return gettext(invitation.detail) if invitation.detail else "–"

    @admin.display(description=_("created at"))
    def created(self, invitation: Invitation) -> str:
        return ago(invitation.created_at)

    @admin.display(description=_("sent at"))
    def sent(self, invitation: Invitation) -> str:
        return ago(invitation.sent_at)
