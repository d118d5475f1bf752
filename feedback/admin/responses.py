"""What members answered: to read, to search, to filter by score."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feedback.models import Response
from feedback.queries import responses
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.templatetags.ui import ago


class ScoreFilter(admin.SimpleListFilter):
    title = _("NPS group")
    parameter_name = "group"
    GROUPS = {"promoters": (9, 10), "passives": (7, 8), "detractors": (0, 6)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return [
            ("promoters", _("promoters (9–10)")),
            ("passives", _("passives (7–8)")),
            ("detractors", _("detractors (0–6)")),
        ]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        group = self.GROUPS.get(self.value() or "")
        return queryset.filter(nps__range=group) if group else queryset


def words_of(response: Response) -> str:
    """What was said in words, shortened; a choice by its label."""
    texts = [answer.label for answer in response.answers.all() if answer.text]
    return Truncator(" · ".join(texts)).chars(80)


@admin.register(Response)
class ResponseAdmin(ModelAdmin):
    area = "feedback"
    may_add = may_change = may_delete = False
    sidebar = Entry("listen", 20, "forum")
    empty = Empty(
        _("No answers yet"),
        _("Answers arrive through the links in survey invitations, or through the REST API."),
        icon="forum",
    )
    keyset = ("-submitted_at", "-id")
    list_display = ("who", "survey", "nps", "words", "answered", "made_up")
    list_filter = ("survey", ScoreFilter, "simulated")
    list_select_related = ("member", "survey")
    search_fields = ("answers__text",)
    search_help_text = _("Words of the answer, or name, e-mail, phone or id of a member")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Response]:
        return responses().prefetch_related("answers__question")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Response], search_term: str
    ) -> tuple[models.QuerySet[Response], bool]:
        return (queryset & responses(search_term) if search_term.strip() else queryset), False

    @admin.display(description=_("member"))
    def who(self, response: Response) -> str:
        return str(response.member) if response.member else gettext("anonymous")

    @admin.display(description=_("words"))
    def words(self, response: Response) -> str:
        return words_of(response) or "–"

    @admin.display(description=_("answered at"))
    def answered(self, response: Response) -> str:
        return ago(response.submitted_at)

    @admin.display(description=_("marked"))
    def made_up(self, response: Response) -> str:
        return format_html('<span class="ui-chip">{}</span>', gettext("simulated")) if response.simulated else ""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = self.get_object(request, object_id)
        if not self.has_view_permission(request, response):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Answers of %(who)s") % {"who": self.who(response)},
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:feedback_response_changelist"),
            "response": response,
            "answers": shown_answers(response),
        }
        return TemplateResponse(request, "feedback/response.html", context)


def shown_answers(response: Response) -> list[tuple[str, str]]:
    """(question, answer) in the order of the survey; a choice by its label."""
    answers = response.answers.select_related("question").order_by("question__position", "question")
    return [(answer.question.text, answer.label) for answer in answers]
