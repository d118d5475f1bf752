"""The list of jobs, and what pages ask of one job while it runs."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from urm.jobs.access import kinds_seen_by, may_change_job
from urm.jobs.actions import cancel_job, retry_job
from urm.jobs.files import downloadable, link_to
from urm.jobs.kinds import kind_of
from urm.jobs.models import Job
from urm.tenancy.middleware import WorkspaceRequest
from urm.tenancy.models import User
from urm.ui.admin import Empty, Entry, ModelAdmin, actor_column
from urm.ui.attention import Concern, concern
from urm.ui.components import Progress
from urm.ui.confirming import ask_to_confirm, is_confirmed
from urm.ui.formats import number


@concern("workspace.view")
def failed_jobs(request: WorkspaceRequest) -> Concern | None:
    count = Job.objects.filter(state=Job.State.FAILED, created_at__gt=timezone.now() - timedelta(days=7)).count()
    text = ngettext("job failed in the last 7 days", "jobs failed in the last 7 days", count)
    return Concern(text, count, f"{reverse('admin:jobs_job_changelist')}?state__exact=failed") if count else None


@admin.register(Job)
class JobAdmin(ModelAdmin):
    area = "jobs"  # no such area: each kind says itself who sees its jobs
    may_add = may_change = may_delete = False
    sidebar = Entry("workspace", 40, "pending_actions", key="j")
    empty = Empty(
        _("No jobs yet"),
        _("Long work such as imports and exports runs in the background and shows here how far it is."),
        icon="pending_actions",
    )
    keyset = ("-created_at", "-id")
    list_display = ("named", "state", "progress", "shown_message", "by", "created_at")
    by = actor_column("started_by", _("started by"))
    list_filter = ("state",)
    search_fields = ("label", "kind", "started_by")
    search_help_text = _("Search by name, kind or person")
    fields = ("named", "state", "progress", "by", "created_at", "started_at", "finished_at")
    change_form_outer_after_template = "jobs/tools.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(kinds_seen_by(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(kinds_seen_by(request)) if obj is None else obj.kind in kinds_seen_by(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        queryset: QuerySet[Job] = super().get_queryset(request)
        return queryset.filter(kind__in=kinds_seen_by(request))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/progress/", wrap(require_GET(self.poll)), name="job_progress"),
            path("<int:pk>/cancel/", wrap(require_POST(self.cancel)), name="job_cancel"),
            path("<int:pk>/download/", wrap(require_POST(self.download)), name="job_download"),
            path("<int:pk>/retry/", wrap(require_POST(self.retry)), name="job_retry"),
            *urls,
        ]

    def poll(self, request: HttpRequest, pk: int) -> JsonResponse:
        job = self.get_object(request, str(pk))
        shown = Progress(
            done=job.done,
            total=job.total or 0,
            finished=not job.is_open,
            message=job.shown_message or str(job.get_state_display()),
            url="" if job.is_open else _address(job),
        )
        return JsonResponse(shown.as_json())

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._do(request, pk, cancel_job, gettext("The job will stop before its next step."))

    def retry(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._do(request, pk, retry_job, gettext("The job goes on where it stopped."))

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """On to a link for this person alone."""
        job = self.get_object(request, str(pk))
        user, kind = request.user, kind_of(job.kind)
        if not isinstance(user, User) or kind is None or not user.may(kind.change):
            raise PermissionDenied
        file = downloadable(job.result.get("file_id") or 0)
        if file is None:
            messages.warning(request, gettext("The file is no longer kept. Start the job again."))
            return redirect("admin:jobs_job_change", pk)
        if not user.may(file.capability):
            raise PermissionDenied
        if not is_confirmed(request):
            return ask_to_confirm(request, then=reverse("admin:jobs_job_change", args=[pk]))
        return redirect(link_to(file, user))

    def _do(self, request: HttpRequest, pk: int, action: Any, words: str) -> HttpResponse:
        job = self.get_object(request, str(pk))
        if not may_change_job(request, job):
            raise PermissionDenied
        try:
            action(job=job)
        except ValidationError as error:
            messages.warning(request, " ".join(error.messages))
        else:
            messages.success(request, words)
        then = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(then, allowed_hosts=None):
            then = reverse("admin:jobs_job_change", args=[pk])
        return redirect(then)

    @admin.display(description=_("job"))
    def named(self, job: Job) -> str:
        return str(job)

    @admin.display(description=_("progress"))
    def progress(self, job: Job) -> str:
        if job.total is None:
            return number(job.done)
        return gettext("%(done)s of %(total)s") % {"done": number(job.done), "total": number(job.total)}

    @admin.display(description=_("message"))
    def shown_message(self, job: Job) -> str:
        return job.shown_message


def _address(job: Job) -> str:
    kind = kind_of(job.kind)
    return kind.url(job) if kind and kind.url else reverse("admin:jobs_job_change", args=[job.pk])
