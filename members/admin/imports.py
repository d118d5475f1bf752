"""The import wizard: file → columns → dry run → import → report → undo, each with its numbers."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from members.actions import imports as actions
from members.admin.importforms import MappingForm, ReadingForm, UploadForm
from members.admin.importpages import error_rows, tiles_of
from members.models import Import
from urm.jobs.files import downloadable, link_to
from urm.jobs.models import Job
from urm.lib.sheets.errors import SheetError
from urm.ui.admin import Empty, Entry, ModelAdmin, actor_column
from urm.ui.confirming import confirmed
from urm.ui.formats import number
from urm.ui.pages import needs

State = Import.State


@admin.register(Import)
class ImportAdmin(ModelAdmin):
    area = "members"
    may_change = may_delete = False
    sidebar = Entry("people", 50, "upload_file", key="i")
    empty = Empty(
        _("Nothing imported yet"),
        _("Bring in the members of your shop or old system from a CSV or Excel file. You see what it would do first."),
        icon="upload_file",
        action_label=_("Import a file"),
    )
    add_label = _("Import a file")
    keyset = ("-created_at", "-id")
    list_display = ("name", "state", "new_rows", "changed_rows", "error_rows", "by", "created_at")
    by = actor_column("created_by", _("by"))
    list_filter = ("state",)
    search_fields = ("name", "created_by")
    search_help_text = _("Search by file or person")

    @admin.display(description=_("new"))
    def new_rows(self, job: Import) -> str:
        return number(job.counts.get("new", 0))

    @admin.display(description=_("changed"))
    def changed_rows(self, job: Import) -> str:
        return number(job.counts.get("changed", 0))

    @admin.display(description=_("with problems"))
    def error_rows(self, job: Import) -> str:
        return number(job.counts.get("error", 0))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/mapping/", wrap(self.mapping), name="import_mapping"),
            path("<int:pk>/reading/", wrap(require_POST(self.reading)), name="import_reading"),
            path("<int:pk>/run/", wrap(require_POST(self.run)), name="import_run"),
            path("<int:pk>/undo/", wrap(require_POST(self.undo)), name="import_undo"),
            path("<int:pk>/discard/", wrap(require_POST(self.discard)), name="import_discard"),
            path("<int:pk>/problems/", wrap(require_POST(self.problems)), name="import_problems"),
            *urls,
        ]

    # --- the file

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data["file"]
            try:
                job = actions.upload(name=given.name, chunks=given.chunks())
            except SheetError as error:
                form.add_error("file", gettext(error.text) % error.values if error.values else gettext(error.text))
            else:
                return redirect("admin:import_mapping", job.pk)
        context = {**self._context(request, None), "title": gettext("Import a file"), "form": form, "step": 1}
        return TemplateResponse(request, "members/imports/upload.html", context)

    # --- the columns

    @needs("members.change")
    def mapping(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.get_object(request, str(pk))
        if job.finished_at or job.state in {State.CHECKING, State.RUNNING, State.UNDOING}:
            return self.change_view(request, str(pk))
        form = MappingForm(request.POST or None, job=job)
        if request.method == "POST" and form.is_valid():
            try:
                actions.save_mapping(job=job, **form.mapping())
                actions.check_import(job=job)
            except ValidationError as error:
                form.take(error)
            else:
                return redirect("admin:members_import_change", pk)
        context = {
            **self._context(request, job),
            "title": gettext("Columns of %(file)s") % {"file": job.name},
            "form": form,
            "reading": ReadingForm(initial={"encoding": job.encoding, "delimiter": job.delimiter}),
            "step": 2,
        }
        return TemplateResponse(request, "members/imports/mapping.html", context)

    @needs("members.change")
    def reading(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.get_object(request, str(pk))
        form = ReadingForm(request.POST)
        if form.is_valid() and job.format == "csv":
            try:
                actions.change_reading(job=job, **form.cleaned_data)
            except SheetError as error:
                messages.error(request, gettext(error.text) % error.values if error.values else gettext(error.text))
            except ValidationError as error:
                messages.error(request, " ".join(error.messages))
        return redirect("admin:import_mapping", pk)

    # --- the dry run, the import, the report

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        may_change = request.user.may("members.change")  # type: ignore[union-attr]
        if request.method != "GET":
            return HttpResponse(status=405, headers={"Allow": "GET"})
        if job.state == State.DRAFT and may_change:
            return redirect("admin:import_mapping", job.pk)
        steps = {State.CHECKING: 3, State.CHECKED: 3, State.RUNNING: 4}
        context = {
            **self._context(request, job),
            "title": job.name,
            "job": Job.objects.filter(pk=job.job_id).first(),
            "tiles": tiles_of(job),
            "problems": error_rows(job) if may_change else [],
            "may_change": may_change,
            "to_write": job.counts.get("new", 0) + job.counts.get("changed", 0),
            "mode": job.get_mode_display(),
            "has_error_file": bool(job.error_file_id and downloadable(job.error_file_id)),
            "step": steps.get(job.state, 5 if job.finished_at else 3),
        }
        return TemplateResponse(request, "members/imports/import.html", context)

    @needs("members.change")
    def run(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._do(request, pk, actions.run_import)

    @needs("members.change")
    def undo(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._do(request, pk, actions.undo_import)

    @needs("members.change")
    def discard(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.get_object(request, str(pk))
        try:
            actions.discard_import(job=job)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect("admin:members_import_change", pk)
        messages.success(request, gettext("The file is forgotten; nothing was imported."))
        return redirect("admin:members_import_changelist")

    @needs("members.change")
    @confirmed(back="admin:members_import_change")
    def problems(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self.get_object(request, str(pk))
        file = downloadable(job.error_file_id) if job.error_file_id else None
        if file is None:
            messages.warning(request, gettext("The list of problems is no longer kept."))
            return redirect("admin:members_import_change", pk)
        return redirect(link_to(file, request.user))  # type: ignore[arg-type]

    def _do(self, request: HttpRequest, pk: int, action: Any) -> HttpResponse:
        try:
            action(job=self.get_object(request, str(pk)))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("admin:members_import_change", pk)

    def _context(self, request: HttpRequest, job: Import | None) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:members_import_changelist"),
            "importing": job,
            "steps": [gettext("File"), gettext("Columns"), gettext("Dry run"), gettext("Import"), gettext("Report")],
            "rows_words": ngettext("%(n)s row", "%(n)s rows", job.rows or 0) % {"n": number(job.rows or 0)}
            if job
            else "",
        }
