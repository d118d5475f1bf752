"""`{% job_progress job %}`: how far a job is, and the button that cancels it."""

from typing import Any

from django import template
from django.template.context import RequestContext
from django.urls import reverse

from urm.jobs.access import may_change_job
from urm.jobs.files import downloadable
from urm.jobs.kinds import kind_of
from urm.jobs.models import Job

register = template.Library()


@register.inclusion_tag("jobs/progress.html", takes_context=True)
def job_progress(context: RequestContext, job: Job) -> dict[str, Any]:
    """While the job is open: a bar that asks again by itself, and Cancel with a question. Afterwards: how it ended."""
    request = context["request"]
    kind = kind_of(job.kind)
    return {
        "job": job,
        "place": kind.url(job) if kind and kind.url else "",
        "poll": reverse("admin:job_progress", args=[job.pk]) if job.is_open else "",
        "may_change": may_change_job(request, job),
        "file": downloadable(job.result["file_id"]) if job.result.get("file_id") else None,
        "here": request.get_full_path(),
        "csrf_token": context.get("csrf_token"),
    }
