"""Rules that put a tag on members and take it off again."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from segments.actions import SegmentError, remove_tag_rule, set_tag_rule
from segments.admin.forms import EMPTY_RULE, TagRuleForm, examples
from segments.models import TagRule
from segments.queries import rule_in_words
from urm.rules import RuleError
from urm.rules.workspace import current_names
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.admin.changelist import KeysetChangeList


class TagRuleChangeList(KeysetChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        names = current_names()
        for row in self.result_list:
            try:
                row.words = rule_in_words(row.rule, names=names)
            except RuleError as error:
                row.words = error.message


@admin.register(TagRule)
class TagRuleAdmin(ModelAdmin):
    area = "segments"
    sidebar = Entry("people", 35, "new_label")
    empty = Empty(
        _("No tag follows a rule yet"),
        _("A rule puts its tag on every member it holds for, and takes it off when it holds no more."),
        icon="new_label",
        action_label=_("Make a tag rule"),
    )
    add_label = _("Make a tag rule")
    keyset = ("tag_id",)
    list_display = ("tag", "rule_words", "stays", "state")
    list_select_related = ("tag",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return TagRuleChangeList

    @admin.display(description=_("rule"))
    def rule_words(self, row: Any) -> str:
        return str(row.words)

    @admin.display(description=_("days it stays on"))
    def stays(self, row: TagRule) -> str:
        return str(row.keep_days) if row.keep_days else "–"

    @admin.display(description=_("state"))
    def state(self, row: TagRule) -> str:
        return row.problem or (gettext("being computed") if row.stale else gettext("up to date"))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._form(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        writes = request.method == "POST"
        if not (self.has_change_permission if writes else self.has_view_permission)(request, row):
            raise PermissionDenied
        return self._form(request, row)

    def _form(self, request: HttpRequest, row: TagRule | None) -> HttpResponse:
        initial: dict[str, Any] = {"rule": EMPTY_RULE}
        if row:
            initial = {"name": row.tag.name, "keep_days": row.keep_days, "rule": row.rule}
        form = TagRuleForm(request.POST or None, initial=initial)
        if row:
            form.fields["name"].disabled = True
        if request.method == "POST" and form.is_valid():
            try:
                set_tag_rule(**form.cleaned_data)
            except SegmentError as error:
                form.add_error("name", " ".join(error.fields.values()))
            except RuleError as error:
                form.add_error("rule", [f"{problem.path}: {problem.message}" for problem in error.problems])
            else:
                messages.success(request, gettext("The rule is saved; its members are being found."))
                return redirect("admin:segments_tagrule_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": row.tag.name if row else gettext("Make a tag rule"),
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:segments_tagrule_changelist"),
            "form": form,
            "examples": examples(),
            "read_only": not self.has_change_permission(request, row),
            "delete_url": reverse("admin:segments_tagrule_delete", args=[row.pk]) if row else "",
        }
        return TemplateResponse(request, "segments/edit.html", context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        remove_tag_rule(rule=obj)
