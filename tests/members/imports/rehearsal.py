"""An import from file to end, as the wizard does it, in this process."""

from collections.abc import Iterator, Sequence
from typing import Any

from members.actions.imports import check_import, run_import, save_mapping, upload
from members.actions.imports.errorfile import problems_of
from members.models import Import, ImportRow
from urm.tenancy.context import require_tenant
from urm.tenancy.work import drain


def table(*rows: Sequence[str]) -> bytes:
    return "".join(",".join(f'"{cell}"' for cell in row) + "\r\n" for row in rows).encode()


def pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


def checked(content: bytes, *, name: str = "members.csv", mode: str = "overwrite", **options: Any) -> Import:
    """Uploaded, mapped as guessed and checked; `targets` overrides the guess by header."""
    targets: dict[str, Any] = options.pop("targets", {})
    job = upload(name=name, chunks=pieces(content))
    columns = [{"target": column["target"], **_target(targets.get(column["header"], {}))} for column in job.columns]
    save_mapping(job=job, columns=columns, mode=mode, options=options)
    check_import(job=job)
    return worked_off(job)


def _target(given: Any) -> dict[str, Any]:
    return {"target": given} if isinstance(given, str) else dict(given)


def imported(content: bytes, **options: Any) -> Import:
    job = checked(content, **options)
    run_import(job=job)
    return worked_off(job)


def worked_off(job: Import) -> Import:
    drain(require_tenant(), names=["jobs", "stream"])
    job.refresh_from_db()
    return job


def problems(job: Import) -> dict[int, list[list[str]]]:
    rows = ImportRow.objects.filter(import_id=job.pk, outcome="error").order_by("id")
    return {row.number: [[*problem] for problem in problems_of(row)] for row in rows}
