"""Taking a file in, and saying what its columns mean."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from members.actions.imports.reading import all_rows
from members.actions.imports.targets import attribute_name, guess_targets, guess_type, is_known
from members.models import AttributeDefinition, Import
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.jobs.files import CSV, XLSX, chunks_of, delete_content, fill, new_file
from urm.jobs.models import File
from urm.lib.sheets.csvfiles import DELIMITERS, ENCODINGS, guess_delimiter, guess_encoding, lines_of
from urm.lib.sheets.errors import SheetError

KEEP = timedelta(days=30)
MAX_BYTES = 1024**3
SAMPLES = 20
State = Import.State
OPEN = (State.DRAFT, State.CHECKED, State.FAILED, State.CANCELLED)


def upload(*, name: str, chunks: Iterable[bytes]) -> Import:
    """Keep the file and guess what it holds. Raises SheetError for what cannot be read, and keeps nothing of it."""
    file = new_file(name=name or "members.csv", content_type=CSV, capability="members.change", keep=KEEP)
    try:
        fill(file, _counted(chunks))
        beginning = next(chunks_of(file), b"")[:8]
        if not beginning:
            raise SheetError(gettext_noop("The file is empty."))
        if beginning.startswith(b"\xd0\xcf\x11\xe0"):
            raise SheetError(
                gettext_noop("This is an old or protected Excel file. Save it as XLSX without a password, or as CSV.")
            )
        job = Import(name=file.name, file_id=file.pk, created_by=current_actor().label[:200])
        if beginning.startswith(b"PK\x03\x04"):
            job.format = "xlsx"
            File.objects.filter(pk=file.pk).update(content_type=XLSX)
        else:
            job.format, job.encoding = "csv", guess_encoding(chunks_of(file))
            job.delimiter = guess_delimiter(list(islice(lines_of(chunks_of(file), job.encoding), SAMPLES)))
            job.rows = max(0, sum(chunk.count(b"\n") for chunk in chunks_of(file)) - 1)
        job.options = {"match": ["email", "phone"], "language": get_language() or "en"}
        read_header(job)
    except SheetError:
        delete_content(file)
        raise
    with transaction.atomic():
        job.save()
        record(verb="import.upload", target=job)
    return job


def change_reading(*, job: Import, encoding: str, delimiter: str) -> None:
    """Read a CSV file in another encoding or with another separator; the columns are guessed anew."""
    problems = {}
    if encoding not in ENCODINGS:
        problems["encoding"] = _("Choose one of: %(choices)s.") % {"choices": ", ".join(ENCODINGS)}
    if delimiter not in DELIMITERS:
        problems["delimiter"] = _("Choose one of the separators offered.")
    if problems:
        raise ValidationError(problems)
    job.encoding, job.delimiter = encoding, delimiter
    read_header(job)
    _save_if_open(job, ["encoding", "delimiter", "columns"])


def read_header(job: Import) -> None:
    """Fill `columns` from the file's first rows. Raises SheetError."""
    rows = [row for _number, row in islice(all_rows(job), SAMPLES + 1)]
    if len(rows) < 2:
        raise SheetError(gettext_noop("The file has no rows below its header."))
    header = [cell.strip().replace("\x00", "")[:200] for cell in rows[0]]
    width = max(map(len, rows))
    header += [""] * (width - len(header))
    names = [name or _("Column %(number)s") % {"number": number} for number, name in enumerate(header, 1)]
    targets = guess_targets(names, rows[1:])
    job.columns = []
    for index, (name, target) in enumerate(zip(names, targets, strict=True)):
        values = [row[index] for row in rows[1:] if index < len(row) and row[index].strip()]
        column: dict[str, Any] = {
            "header": name,
            "samples": [value.strip().replace("\x00", "�")[:60] for value in values[:3]],
            "target": target,
            "type": guess_type(values),
            "suggested": attribute_name(name),
        }
        if names.count(name) > 1:
            column["twice"] = True
        job.columns.append(column)


def save_mapping(*, job: Import, columns: Sequence[Mapping[str, Any]], mode: str, options: Mapping[str, Any]) -> None:
    """Say what each column means. Raises ValidationError naming each column that is wrong, and saves nothing then.

    `columns` in the order of the file: `target`, and for a new attribute its `type`. `options` as in Import.
    """
    problems: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    mapped = []
    known = set(AttributeDefinition.objects.values_list("name", flat=True))
    for column, given in zip(job.columns, columns, strict=True):
        target = str(given.get("target", ""))
        header = column["header"]
        if not is_known(target):
            problems.setdefault(header, []).append(
                _("An attribute's name begins with a letter; letters, digits and _ only; at most 60.")
                if target.startswith("attribute:")
                else _("%(target)s is nothing that a column can be.") % {"target": target}
            )
        if target and target in seen:
            problems.setdefault(header, []).append(
                _("The column %(other)s means the same. Choose one of them.") % {"other": seen[target]}
            )
        seen.setdefault(target, header)
        kept = {**column, "target": target}
        if target.startswith("attribute:") and target[10:] not in known:
            kept["type"] = given.get("type") or column["type"]
            kept["new"] = True
            if kept["type"] not in AttributeDefinition.Type.values or kept["type"] == "choice":
                problems.setdefault(header, []).append(_("Choose a type for the new attribute."))
        else:
            kept.pop("new", None)
        mapped.append(kept)
    _check_whole(seen, mode, options, problems)
    if problems:
        raise ValidationError(problems)
    job.columns, job.mode = mapped, mode
    job.options = {**job.options, **options}
    job.state = State.DRAFT
    _save_if_open(job, ["columns", "mode", "options", "state"])


def discard_import(*, job: Import) -> None:
    """Forget a file that was never run; its rows go with the next clearing."""
    with transaction.atomic():
        if not Import.objects.filter(pk=job.pk, state__in=OPEN, finished_at=None).delete()[0]:
            raise ValidationError(_("This import has run; undo it instead."), code="import_has_run")
        record(verb="import.discard", target=job)
        File.objects.filter(pk=job.file_id).update(expires_at=job.created_at)


def identifying(job: Import) -> list[str]:
    """The kinds of identity that find a member, in the order in which they are asked."""
    kinds = ["external_id", *(kind for kind in _others(job.columns) if kind not in {"email", "phone"})]
    return [*kinds, *(kind for kind in ("email", "phone") if kind in job.options.get("match", []))]


def _others(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(column["target"])[9:] for column in columns if str(column["target"]).startswith("identity:")]


def _check_whole(
    seen: Mapping[str, str], mode: str, options: Mapping[str, Any], problems: dict[str, list[str]]
) -> None:
    finds = {"external_id", *(f"identity:{kind}" for kind in _others([{"target": target} for target in seen]))}
    finds |= set(options.get("match", [])) & {"email", "phone"}
    if not finds & set(seen):
        problems["match"] = [
            _("No column says who a row is about. Choose one for the external id, or let e-mail or phone find people.")
        ]
    if mode not in Import.Mode.values:
        problems["mode"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(Import.Mode.values)}]
    if any(target.startswith("consent:") for target in seen) and not str(options.get("consent_source", "")).strip():
        problems["consent_source"] = [_("Say where the members gave their consent: it is kept as proof.")]


def _save_if_open(job: Import, fields: list[str]) -> None:
    with transaction.atomic():
        if Import.objects.select_for_update().filter(pk=job.pk, state__in=OPEN, finished_at=None).first() is None:
            raise ValidationError(_("This import is running or has run; it cannot be changed."), code="import_has_run")
        job.save(update_fields=fields)


def _counted(chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_BYTES:
            raise SheetError(gettext_noop("The file has more than %(limit)s MB. Split it."), limit=MAX_BYTES // 1024**2)
        yield chunk
