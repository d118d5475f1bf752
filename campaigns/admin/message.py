"""Messages: the list, the editor with what can be filled in, the preview as any member, the test mail."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from campaigns.actions.messages import change_message, create_message, is_in_use
from campaigns.admin.forms import MessageForm
from campaigns.admin.preview import chosen_member, frame, mail_to_oneself, shown
from campaigns.models import Message
from campaigns.queries.lint import check_message
from campaigns.queries.recipients import shared_fields
from members.models import Member
from urm.channels.variables import known_fields
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.pages import needs

STARTER = """<p>Hello {{ member.first_name | default: "there" }},</p>
<p>{{ segment.value_proposition }}</p>
<p><a href="https://example.com/">To the shop</a></p>
<p><small><a href="{{ preferences_url }}">Preferences</a> · <a href="{{ unsubscribe_url }}">Unsubscribe</a></small></p>
"""


@admin.register(Message)
class MessageAdmin(ModelAdmin):
    area = "campaigns"
    sidebar = Entry("talk", 30, "mail")
    empty = Empty(
        _("No messages yet"),
        _("A message is what members read: subject and body, with their name, points and last purchase filled in."),
        icon="mail",
        action_label=_("Write a message"),
    )
    add_label = _("Write a message")
    keyset = ("-created_at", "-id")
    list_display = ("name", "subject", "format", "used", "updated_at")
    search_fields = ("name", "subject")
    may_delete = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(uses=Count("campaigns"))

    @admin.display(description=_("campaigns"))
    def used(self, message: Any) -> int:
        return int(message.uses)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/frame/", wrap(require_safe(self.frame)), name="message_frame"),
            path("<int:pk>/test/", wrap(require_POST(self.test)), name="message_test"),
            *urls,
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._form(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        message = self.get_object(request, object_id)
        if not self.has_view_permission(request, message):
            raise PermissionDenied
        if request.method == "POST" and not self.has_change_permission(request, message):
            raise PermissionDenied
        return self._form(request, message)

    def _form(self, request: HttpRequest, message: Message | None) -> HttpResponse:
        fields = list(MessageForm.base_fields)
        initial = {name: getattr(message, name) for name in fields} if message else {"body": STARTER}
        form = MessageForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                saved = (
                    change_message(message=message, **form.cleaned_data)
                    if message
                    else create_message(**form.cleaned_data)
                )
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, gettext("%(message)s is saved.") % {"message": saved})
                return redirect("admin:campaigns_message_change", saved.pk)
        in_use = message is not None and is_in_use(message)
        read_only = in_use or not (
            self.has_change_permission(request, message) if message else self.has_add_permission(request)
        )
        if read_only:
            for field in form.fields.values():
                field.disabled = True
        member = chosen_member(request.GET.get("member", "")) if message else None
        rendered, problem = shown(message, member) if message else (None, "")
        context = {
            **self.admin_site.each_context(request),
            "title": str(message) if message else gettext("Write a message"),
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:campaigns_message_changelist"),
            "form": form,
            "message": message,
            "in_use": in_use,
            "may_change": self.has_change_permission(request, message),
            "read_only": read_only,
            "variables": sorted({**known_fields(), **shared_fields()}.items(), key=lambda row: row[0]),
            "findings": check_message(message) if message else [],
            "member": member,
            "rendered": rendered,
            "problem": problem,
            "searched": request.GET.get("member", ""),
            "frame_url": message
            and member
            and f"{reverse('admin:message_frame', args=[message.pk])}?member={member.pk}",
        }
        return TemplateResponse(request, "campaigns/message.html", context)

    @needs("campaigns.view")
    def frame(self, request: HttpRequest, pk: int) -> HttpResponse:
        return frame(self.get_object(request, str(pk)), chosen_member(request.GET.get("member", "")))

    @needs("campaigns.change")
    def test(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send it to the person who asks, as the member shown would get it."""
        message = self.get_object(request, str(pk))
        mail_to_oneself(request, message)
        return redirect("admin:campaigns_message_change", pk)


def _frame_url(message: Message, member: Member) -> str:
    return f"{reverse('admin:message_frame', args=[message.pk])}?member={member.pk}"
