"""Surveys: list, edit with questions, preview, and what was answered."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.html import format_html
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from feedback import queries
from feedback.actions import create_survey, update_survey
from feedback.actions.surveys import QUESTION_FIELDS
from feedback.admin.figures import figures_of, nps_text
from feedback.admin.forms import QuestionForm, QuestionFormSet
from feedback.models import Invitation, Question, Response, Survey
from feedback.queries.form import fields_of
from urm.audit.actions import record, snapshot
from urm.ui.admin import Empty, Entry, ModelAdmin, StackedInline
from urm.ui.formats import number
from urm.ui.pages import needs


class QuestionInline(StackedInline):
    area = "feedback"
    model = Question
    form = QuestionForm
    formset = QuestionFormSet
    fields = ("position", "kind", "text_en", "text_zh", "required", "choices")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Answers keep their questions."""
        answered = obj is not None and Response.objects.filter(survey=obj).exists()
        return not answered and super().has_delete_permission(request, obj)


@admin.register(Survey)
class SurveyAdmin(ModelAdmin):
    area = "feedback"
    may_delete = False  # answers refer to it; switch it off instead
    sidebar = Entry("listen", 10, "reviews", key="v")
    empty = Empty(
        _("No surveys yet"),
        _("A survey asks members right after something happened, such as a purchase, how likely they recommend you."),
        icon="reviews",
        action_label=_("Make a survey"),
    )
    add_label = _("Make a survey")
    inlines = (QuestionInline,)
    list_display = ("report_link", "active", "trigger", "invited", "answers", "score")
    list_display_links = None
    list_filter = ("active",)
    search_fields = ("name", "title_en", "title_zh")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "active", "anonymous")}),
        (
            _("What members read"),
            {"fields": (("title_en", "title_zh"), ("intro_en", "intro_zh"), ("thanks_en", "thanks_zh"))},
        ),
        (_("When and whom to invite"), {"fields": ("trigger_event", "delay_minutes", "rest_days", "quota", "purpose")}),
        (_("Answers"), {"fields": ("valid_days", "minimum_answers")}),
    )
    change_form_outer_before_template = "feedback/survey_tools.html"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Survey]:
        sent = models.Q(state=Invitation.State.SENT)
        invited = Invitation.objects.filter(sent, survey=models.OuterRef("pk")).order_by().values("survey")
        answered = Response.objects.filter(survey=models.OuterRef("pk")).order_by().values("survey")
        return Survey.objects.annotate(
            invited_count=models.Subquery(invited.annotate(n=models.Count("pk")).values("n")),
            answer_count=models.Subquery(answered.annotate(n=models.Count("pk")).values("n")),
            promoters=models.Subquery(answered.filter(nps__gte=9).annotate(n=models.Count("pk")).values("n")),
            passives=models.Subquery(answered.filter(nps__in=[7, 8]).annotate(n=models.Count("pk")).values("n")),
            detractors=models.Subquery(answered.filter(nps__lte=6).annotate(n=models.Count("pk")).values("n")),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("anonymous",) if obj is not None and Response.objects.filter(survey=obj).exists() else ()

    @admin.display(description=_("survey"), ordering="name")
    def report_link(self, survey: Survey) -> str:
        url = reverse("admin:survey_report", args=[survey.pk])
        return format_html('<a class="text-link" href="{}">{}</a>', url, survey.name)

    @admin.display(description=_("invite after event"))
    def trigger(self, survey: Survey) -> str:
        return survey.trigger_event or "–"

    @admin.display(description=_("invited"))
    def invited(self, survey: Any) -> str:
        return number(survey.invited_count or 0)

    @admin.display(description=_("answers"))
    def answers(self, survey: Any) -> str:
        return number(survey.answer_count or 0)

    @admin.display(description=_("NPS"))
    def score(self, survey: Any) -> str:
        counts = {9: survey.promoters or 0, 7: survey.passives or 0, 0: survey.detractors or 0}
        nps = queries.net_promoter_score(counts)
        return nps_text(nps) if nps.enough(survey.minimum_answers) else "–"

    # --- writing

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = form.cleaned_data
        obj.pk = (update_survey(survey=obj, **values) if change else create_survey(**values)).pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        with transaction.atomic():
            for question in formset.save(commit=False):
                stored = Question.objects.filter(pk=question.pk).first() if question.pk else None
                before = snapshot(stored, *QUESTION_FIELDS) if stored else None
                question.save()
                record(
                    verb="question.update" if before else "question.create",
                    target=question,
                    before=before,
                    after=snapshot(question, *QUESTION_FIELDS),
                )
            for question in formset.deleted_objects:
                record(verb="question.delete", target=question, before=snapshot(question, *QUESTION_FIELDS))
                question.delete()

    # --- pages

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/report/", wrap(require_safe(self.report)), name="survey_report"),
            path("<int:pk>/preview/", wrap(require_safe(self.preview)), name="survey_preview"),
            *urls,
        ]

    @needs("feedback.view")
    def report(self, request: HttpRequest, pk: int) -> HttpResponse:
        survey = self.get_object(request, str(pk))
        states = dict(
            Invitation.objects.filter(survey=survey).order_by().values_list("state").annotate(models.Count("pk"))
        )
        context = {
            **self.admin_site.each_context(request),
            "title": survey.name,
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:feedback_survey_changelist"),
            "survey": survey,
            "figures": figures_of(survey),
            "states": [(label, states[state]) for state, label in Invitation.State.choices if state in states],
            "answers": Response.objects.filter(survey=survey).count(),
            "simulated": Response.objects.filter(survey=survey, simulated=True).count(),
            "newest": Response.objects.filter(survey=survey)
            .select_related("member")
            .prefetch_related("answers")
            .order_by("-submitted_at", "-pk")[:10],
            "may_change": self.has_change_permission(request, survey),
        }
        return TemplateResponse(request, "feedback/report.html", context)

    @needs("feedback.view")
    def preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The public page as members see it; nothing can be sent."""
        survey = self.get_object(request, str(pk))
        wanted = request.GET.get("lang", "")
        language = wanted if wanted in {"en", "zh-hans"} else get_language() or "en"
        with translation.override(language):
            return render(
                request,
                "feedback/survey.html",
                {
                    "title": gettext("Preview: %(survey)s") % {"survey": survey.title},
                    "language": language,
                    "languages": settings.LANGUAGES,
                    "workspace": getattr(request, "workspace", None),
                    "survey": survey,
                    "fields": fields_of(survey, {}, {}),
                    "preview": True,
                },
            )
