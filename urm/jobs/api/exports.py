"""Exports for servers: ask for a file, look how far it is, fetch it through a link that runs out."""

from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers

from urm.jobs.exports import FORMATS, Query, export_filters, export_named, exports_with, start_export
from urm.jobs.files import link_to
from urm.jobs.models import File, Job
from urm.rest.errors import invalid
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

SCOPE = "members.export"


class ExportIn(serializers.Serializer[Job]):
    what = serializers.CharField(max_length=40, help_text="members or events.")
    format = serializers.ChoiceField(choices=list(FORMATS), default="csv")
    columns = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=500,
        help_text="Names of columns in the order wanted; all of them if absent.",
    )
    filters = serializers.DictField(
        required=False,
        help_text="Of members: segment_id, stage, tag, search. Of events: names, external_id. All of them must hold.",
    )


class ExportOut(serializers.Serializer[Job]):
    id = serializers.IntegerField(help_text="Of its job, which /jobs/{job_id}/cancel takes back.")
    what = serializers.CharField(source="parameters.what")
    format = serializers.CharField(source="parameters.format")
    state = serializers.CharField(help_text="queued, running, done, failed or cancelled.")
    rows = serializers.IntegerField(source="done", help_text="Written so far.")
    message = serializers.CharField(source="shown_message", help_text="For people: what it does, or why it failed.")
    url = serializers.SerializerMethodField(
        help_text="When it is done: for this key only, good for 15 minutes; then ask again."
    )
    expires_at = serializers.SerializerMethodField(help_text="Until when the file is kept.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, job: Job) -> dict[str, Any]:
        kept = File.objects.filter(pk=job.result.get("file_id"), expires_at__gt=timezone.now())
        self._file = kept.first() if job.state == Job.State.DONE else None
        shown: dict[str, Any] = super().to_representation(job)
        return shown

    def get_url(self, job: Job) -> str | None:
        return link_to(self._file, self.context["view"].request.auth) if self._file else None

    def get_expires_at(self, job: Job) -> str | None:
        if self._file is None:
            return None
        return serializers.DateTimeField().to_representation(self._file.expires_at)


EXPORT_EXAMPLE: dict[str, Any] = {
    "id": 14,
    "what": "members",
    "format": "csv",
    "state": "done",
    "rows": 1830,
    "message": "Writing the file",
    "url": "https://urm.example.com/files/AAAAAAAAAAE",
    "expires_at": "2026-03-08T09:30:00Z",
    "created_at": "2026-03-01T09:30:00Z",
    "finished_at": "2026-03-01T09:30:02Z",
}
_QUEUED = {**EXPORT_EXAMPLE, "state": "queued", "rows": 0, "message": ""}


class ExportList(ApiView):
    required_scope = SCOPE

    @documented(
        "Export members or events to a file",
        request=ExportIn,
        answer=ExportOut,
        status=202,
        example={**_QUEUED, "url": None, "expires_at": None, "finished_at": None},
        request_example={
            "what": "members",
            "format": "csv",
            "columns": ["external_id", "email", "tags"],
            "filters": {"segment_id": 3},
        },
        description=(
            "Runs in the background; the file is kept for 7 days. Cells that a spreadsheet would take for a formula "
            "are marked. A workbook (xlsx) holds up to 200,000 rows."
        ),
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        asked = self.valid(ExportIn)
        export = export_named(asked["what"])
        names = exports_with(SCOPE)
        if export is None or export.name not in names:
            raise invalid({"what": [f"Use one of: {', '.join(names)}."]})
        header = export.header()
        columns = asked.get("columns", [])
        problems = {
            f"columns[{place}]": [f"No such column. Use some of: {', '.join(header)}."]
            for place, name in enumerate(columns)
            if name not in header
        }
        if len({*columns}) < len(columns):
            problems["columns"] = ["Name each column once."]
        query = _query(export.name, asked.get("filters", {}), problems)
        if problems:
            raise invalid(problems)
        job = start_export(what=export.name, file_format=asked["format"], query=query, columns=columns)
        return self.answer(ExportOut, job, status=202, location=f"/api/v1/exports/{job.pk}")


class ExportDetail(ApiView):
    required_scope = SCOPE

    @documented("Read how far an export is, and get a link to its file", answer=ExportOut, example=EXPORT_EXAMPLE)
    def get(self, request: ApiRequest, export_id: int) -> HttpResponseBase:
        exports = Job.objects.filter(kind="export", parameters__what__in=exports_with(SCOPE))
        return self.answer(ExportOut, self.one(exports, pk=export_id))


def _query(what: str, given: dict[str, Any], problems: dict[str, list[str]]) -> Query:
    """What the list's address holds for these filters; what is wrong with them goes to `problems`."""
    known = export_filters(what)
    query: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            problems[f"filters.{name}"] = [f"No such filter. Use {', '.join(known) or 'none'}."]
            continue
        try:
            query |= known[name].query(value)
        except ValueError as error:
            problems[f"filters.{name}"] = [str(error)]
    return query
