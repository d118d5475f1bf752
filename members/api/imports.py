"""Imports for servers: send a file of members, look what became of it, take it back."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http.response import HttpResponseBase
from django_filters import ChoiceFilter
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.parsers import BaseParser

from members.actions import imports as actions
from members.actions.imports.errorfile import problems_of
from members.actions.imports.targets import FIELDS, exact_target
from members.models import Import, ImportRow
from urm.lib.sheets.errors import SheetError
from urm.lib.sheets.writing import plain_csv
from urm.rest.errors import invalid
from urm.rest.filters import StrictFilterSet
from urm.rest.json import MAX_REQUEST, too_large
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

_OPTIONS = ("mode", "match", "country", "tags", "consent_source", "consent_wording")


class _Raw(BaseParser):
    """The body as it came, up to 10 MB."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        assert parser_context is not None
        body: bytes = parser_context["request"]._request.body
        if len(body) > MAX_REQUEST:
            raise too_large(len(body), MAX_REQUEST)
        return body


class CsvParser(_Raw):
    media_type = "text/csv"


class JsonLinesParser(_Raw):
    media_type = "application/x-ndjson"


class ImportOut(serializers.Serializer[Import]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.CharField(
        help_text="draft, checking, checked, running, done, failed, cancelled, undoing or undone."
    )
    mode = serializers.CharField()
    rows = serializers.IntegerField(allow_null=True)
    counts = serializers.DictField(help_text="Rows by outcome: new, changed, same, skipped, error; and of an undo.")
    job_id = serializers.IntegerField(allow_null=True, help_text="Of the job that is or was at work last.")
    error_file_id = serializers.IntegerField(allow_null=True, help_text="The rows with problems, as CSV.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    undo_until = serializers.DateTimeField(allow_null=True)


class ProblemOut(serializers.Serializer[ImportRow]):
    row = serializers.IntegerField(source="number", help_text="In the file; the header is row 1.")
    problems = serializers.SerializerMethodField(help_text="Column and what is wrong with it.")
    content = serializers.ListField(source="raw", child=serializers.CharField(), allow_null=True)

    def get_problems(self, row: ImportRow) -> list[dict[str, str]]:
        return [{"column": column, "message": words} for column, words in problems_of(row)]


IMPORT_EXAMPLE: dict[str, Any] = {
    "id": 8,
    "name": "import.csv",
    "state": "done",
    "mode": "overwrite",
    "rows": 1200,
    "counts": {"new": 1100, "changed": 80, "same": 17, "error": 3},
    "job_id": 31,
    "error_file_id": 6,
    "created_at": "2026-03-01T09:30:00Z",
    "finished_at": "2026-03-01T09:30:04Z",
    "undo_until": "2026-03-31T09:30:00Z",
}
PROBLEM_EXAMPLE: dict[str, Any] = {
    "row": 14,
    "problems": [{"column": "email", "message": "Must be an e-mail address such as ada@example.com."}],
    "content": ["c-14", "nobody"],
}
_BODY = {
    "text/csv": {"type": "string", "description": "With a header."},
    "application/x-ndjson": {"type": "string", "description": "One object a line."},
}


class ImportFilters(StrictFilterSet):
    state = ChoiceFilter(choices=Import.State.choices, label="Only imports in this state.")


class ImportList(ApiView):
    required_scope = {"GET": "members.view", "POST": "members.change"}
    filterset_class = ImportFilters
    ordering = ("-created_at", "-id")
    parser_classes = [CsvParser, JsonLinesParser]

    @documented("List imports", answer=ImportOut, many=True, example=IMPORT_EXAMPLE)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        return self.page(Import.objects.all(), ImportOut)

    @documented(
        "Import members from CSV or JSON lines",
        request=_BODY,
        answer=ImportOut,
        status=202,
        example={**IMPORT_EXAMPLE, "state": "checking", "counts": {}, "finished_at": None, "error_file_id": None},
        request_example="external_id,email,attributes.pets\nc-14,ada@example.com,2\n",
        parameters=[
            OpenApiParameter("mode", str, enum=Import.Mode.values, description="overwrite if absent."),
            OpenApiParameter("match", str, description="email, phone or both with a comma: who else finds a member."),
            OpenApiParameter("country", str, description="Of phone numbers without country code, such as CN."),
            OpenApiParameter("tags", str, description="For everybody in the file, separated by commas."),
            OpenApiParameter("consent_source", str, description="Needed when a column is about consent."),
            OpenApiParameter("consent_wording", str, description="The version of the words agreed to."),
        ],
        description=(
            "Up to 10 MB; runs in the background, leaving out rows with problems. Columns are named as the API names "
            "fields: external_id, email, …, tags, attributes.NAME, identity.KIND, consent.CHANNEL.PURPOSE. An "
            "attribute that is not registered is registered with the type that its values have."
        ),
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        options = _options(request)
        body: Any = request.data
        if not isinstance(body, bytes) or not body.strip():
            raise invalid({"body": ["Send CSV as text/csv, or JSON lines as application/x-ndjson."]})
        content = _as_csv(body) if "ndjson" in (request.content_type or "") else body
        try:
            job = actions.upload(name="import.csv", chunks=[content])
        except SheetError as error:
            raise invalid({"body": [str(error)]}) from error
        unknown = {c["header"]: c for c in job.columns if exact_target(c["header"]) is None}
        if unknown:
            actions.discard_import(job=job)
            raise invalid(
                {name: [f"No such column. Use {', '.join(FIELDS)}, tags, attributes.NAME."] for name in unknown}
            )
        columns = [{**column, "target": exact_target(column["header"]) or ""} for column in job.columns]
        try:
            with transaction.atomic():
                actions.save_mapping(job=job, columns=columns, mode=options.pop("mode", "overwrite"), options=options)
                actions.check_import(job=job, then_run=True)
        except ValidationError:
            actions.discard_import(job=job)
            raise
        return self.answer(ImportOut, job, status=202, location=f"/api/v1/imports/{job.pk}")


class ImportDetail(ApiView):
    required_scope = "members.view"

    @documented("Read what became of an import", answer=ImportOut, example=IMPORT_EXAMPLE)
    def get(self, request: ApiRequest, import_id: int) -> HttpResponseBase:
        return self.answer(ImportOut, self.one(Import.objects.all(), pk=import_id))


class ImportProblems(ApiView):
    required_scope = "members.change"
    ordering = ("id",)

    @documented("List the rows with problems", answer=ProblemOut, many=True, example=PROBLEM_EXAMPLE)
    def get(self, request: ApiRequest, import_id: int) -> HttpResponseBase:
        job = self.one(Import.objects.all(), pk=import_id)
        return self.page(ImportRow.objects.filter(import_id=job.pk, outcome=ImportRow.Outcome.ERROR), ProblemOut)


class ImportUndo(ApiView):
    required_scope = "members.change"

    @documented(
        "Undo an import",
        answer=ImportOut,
        status=202,
        example={**IMPORT_EXAMPLE, "state": "undoing"},
        errors={409: "cannot_undo"},
        description="Within 30 days. What somebody changed since stays; the counts tell how much.",
    )
    def post(self, request: ApiRequest, import_id: int) -> HttpResponseBase:
        job = self.one(Import.objects.all(), pk=import_id)
        actions.undo_import(job=job)
        return self.answer(ImportOut, job, status=202)


def _options(request: ApiRequest) -> dict[str, Any]:
    given = {name: str(value) for name, value in request.query_params.items()}
    if unknown := set(given) - set(_OPTIONS):
        raise invalid({name: [f"Unknown parameter. Use {', '.join(_OPTIONS)}."] for name in sorted(unknown)})
    problems: dict[str, list[str]] = {}
    options: dict[str, Any] = {name: value.strip() for name, value in given.items()}
    options["match"] = [kind.strip() for kind in given.get("match", "").split(",") if kind.strip()]
    if wrong := set(options["match"]) - {"email", "phone"}:
        problems["match"] = [f"{', '.join(sorted(wrong))}: use email, phone or both."]
    options["tags"] = [tag.strip() for tag in given.get("tags", "").split(",") if tag.strip()]
    if any(len(tag) > 60 for tag in options["tags"]):
        problems["tags"] = ["A tag has at most 60 characters."]
    if options.get("mode", "overwrite") not in Import.Mode.values:
        problems["mode"] = [f"Use one of: {', '.join(Import.Mode.values)}."]
    if options.get("country") and not (len(options["country"]) == 2 and options["country"].isascii()):
        problems["country"] = ["Use two letters such as CN."]
    for name, most in (("consent_source", 100), ("consent_wording", 200)):
        if len(options.get(name, "")) > most:
            problems[name] = [f"At most {most} characters."]
    if problems:
        raise invalid(problems)
    return options


def _as_csv(body: bytes) -> bytes:
    """Objects, one a line, as a table: nested ones with a dot in the name, lists with a separator."""
    rows: list[dict[str, str]] = []
    names: dict[str, None] = {}
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise invalid({"body": [f"Line {number} is no JSON: {error}."]}) from error
        if not isinstance(value, dict):
            raise invalid({"body": [f"Line {number} is no object."]})
        row = dict(_flat(value))
        names |= dict.fromkeys(row)
        if len(names) > 500:
            raise invalid({"body": [f"Line {number}: more than 500 different fields."]})
        rows.append(row)
    return plain_csv([list(names), *([row.get(name, "") for name in names] for row in rows)])


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, one in value.items():
        if isinstance(one, dict) and before.count(".") < 3:
            yield from _flat(one, f"{before}{name}.")
        elif isinstance(one, list):
            yield f"{before}{name}", "; ".join(str(part) for part in one)
        elif isinstance(one, bool):
            yield f"{before}{name}", "true" if one else "false"
        elif one is not None:
            yield f"{before}{name}", str(one)
