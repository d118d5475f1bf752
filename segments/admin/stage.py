"""Lifecycle stages: in what order they are tried, by which rules, and how many members each has."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from segments.actions import edit_stage
from segments.admin.forms import StageForm, examples
from segments.admin.lifecycle import impact_rows
from segments.models import Stage
from segments.queries import rule_in_words
from segments.queries.conditions import stage_sizes
from urm.rules import RuleError
from urm.rules.workspace import current_names
from urm.ui.admin import Entry, ModelAdmin
from urm.ui.admin.changelist import KeysetChangeList
from urm.ui.formats import number, percent
from urm.ui.palette import GREY, STAGES
from urm.ui.templatetags.ui import colored


class StageChangeList(KeysetChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        sizes, names = stage_sizes(), current_names()
        everybody = sum(sizes.values())
        for stage in self.result_list:
            stage.size = sizes.get(stage.pk, 0)
            stage.share = stage.size / everybody if everybody else None
            try:
                stage.words = rule_in_words(stage.rule, names=names)
            except RuleError as error:
                stage.words = error.message


@admin.register(Stage)
class StageAdmin(ModelAdmin):
    area = "segments"
    may_add = may_delete = False
    sidebar = Entry("people", 40, "stairs", key="y")
    keyset = ("position", "id")
    list_display = ("position", "name", "rule_words", "size", "share")
    list_display_links = ("name",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return StageChangeList

    @admin.display(description=_("stage"))
    def name(self, stage: Stage) -> str:
        return colored(STAGES.get(stage.key, GREY), stage.label)

    @admin.display(description=_("rule"))
    def rule_words(self, stage: Any) -> str:
        return str(stage.words)

    @admin.display(description=_("members"))
    def size(self, stage: Any) -> str:
        url = reverse("admin:members_member_changelist")
        return format_html('<a class="text-link" href="{}?stage={}">{}</a>', url, stage.pk, number(stage.size))

    @admin.display(description=_("share"))
    def share(self, stage: Any) -> str:
        return percent(stage.share)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        stage = self.get_object(request, object_id)
        writes = request.method == "POST"
        if not (self.has_change_permission if writes else self.has_view_permission)(request, stage):
            raise PermissionDenied
        initial = {name: getattr(stage, name) for name in ("label_en", "label_zh", "position", "rule")}
        form = StageForm(request.POST or None, initial=initial)
        impact: dict[str, Any] | None = None
        if request.method == "POST" and form.is_valid():
            try:
                if "impact" in request.POST:
                    impact = _impact(stage, form.cleaned_data)
                else:
                    edit_stage(stage=stage, **form.cleaned_data)
            except RuleError as error:
                form.add_error("rule", [f"{problem.path}: {problem.message}" for problem in error.problems])
            else:
                if impact is None:
                    messages.success(request, gettext("The stage is saved; all members are looked at again."))
                    return redirect("admin:segments_stage_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": stage.label,
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:segments_stage_changelist"),
            "form": form,
            "impact": impact,
            "asks_impact": True,
            "examples": examples(),
            "read_only": not self.has_change_permission(request, stage),
        }
        return TemplateResponse(request, "segments/edit.html", context)


def _impact(stage: Stage, given: dict[str, Any]) -> dict[str, Any]:
    """What the stages would hold with this one's rule and position as in the form."""
    stages = list(Stage.objects.all())
    rules = {one.pk: given["rule"] if one.pk == stage.pk and given["rule"] is not None else one.rule for one in stages}
    order = sorted(stages, key=lambda one: (given["position"] if one.pk == stage.pk else one.position, one.pk))
    return impact_rows(rules, [one.pk for one in order])
