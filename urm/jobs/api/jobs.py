"""Jobs for servers: how far one is, what came of it, and taking it back."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework import serializers

from urm.jobs.actions import cancel_job
from urm.jobs.kinds import kind_of, kinds_seen_with
from urm.jobs.models import Job
from urm.rest.errors import ApiError
from urm.rest.schema import documented
from urm.rest.views import ANY_KEY, ApiRequest, ApiView


class JobOut(serializers.Serializer[Job]):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.CharField(help_text="queued, running, done, failed or cancelled.")
    done = serializers.IntegerField(help_text="How much is done, in the job's own unit.")
    total = serializers.IntegerField(allow_null=True, help_text="Of how much; null while that is unknown.")
    message = serializers.CharField(source="shown_message", help_text="For people.")
    result = serializers.DictField(help_text="What came of it; depends on the kind.")
    cancel_requested = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


JOB_EXAMPLE: dict[str, Any] = {
    "id": 12,
    "kind": "members.import",
    "label": "members.csv",
    "state": "running",
    "done": 40000,
    "total": 100000,
    "message": "Writing members",
    "result": {},
    "cancel_requested": False,
    "created_at": "2026-03-01T09:30:00Z",
    "started_at": "2026-03-01T09:30:01Z",
    "finished_at": None,
}


class JobDetail(ApiView):
    required_scope = ANY_KEY

    @documented(
        "Read how far a job is",
        answer=JobOut,
        example=JOB_EXAMPLE,
        description="Long work answers 202 with the id of its job. A key sees jobs of the kinds that its scopes read.",
    )
    def get(self, request: ApiRequest, job_id: int) -> HttpResponseBase:
        return self.answer(JobOut, _job(self, request, job_id))


class JobCancel(ApiView):
    required_scope = ANY_KEY

    @documented(
        "Cancel a job",
        answer=JobOut,
        status=202,
        example={**JOB_EXAMPLE, "cancel_requested": True},
        errors={409: "job_has_ended"},
        description="It stops before its next step; what it did stays. Needs the scope that its kind is changed with.",
    )
    def post(self, request: ApiRequest, job_id: int) -> HttpResponseBase:
        job = _job(self, request, job_id)
        kind = kind_of(job.kind)
        if kind is None or kind.change not in request.auth.scopes:
            scope = kind.change if kind else "?"
            raise ApiError(403, "scope_missing", f"The key lacks the scope {scope}; give it under Workspace → Keys.")
        cancel_job(job=job)
        job.refresh_from_db()
        return self.answer(JobOut, job, status=202)


def _job(view: ApiView, request: ApiRequest, job_id: int) -> Job:
    kinds = kinds_seen_with(lambda capability: capability in request.auth.scopes)
    return view.one(Job.objects.filter(kind__in=kinds), pk=job_id)
