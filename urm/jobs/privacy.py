"""Jobs and their files: exports and imports hold whole lists of people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from urm.jobs.files import chunks_of, delete_content
from urm.jobs.models import File, Job
from urm.privacy import Forget, Person, Table, declare
from urm.privacy.registry import execute
from urm.privacy.retention import Retention, counting, keep_for_a_time, running
from urm.privacy.searching import Search, search_in_slices, search_the_rest

_SAYS = "concat_ws(' ', label, parameters, position, message_values, result) ILIKE ANY({words})"


def _forget_in_jobs(person: Person) -> None:
    """What was asked for and what came of it goes. A job that runs is cancelled when it was asked about the person, and
    keeps only what its end needs."""
    execute(
        "UPDATE jobs_job SET label = '', parameters = '{{}}', position = '{{}}', message_values = '{{}}', "
        "message = '', result = '{{}}' WHERE tenant_id = {tenant} AND state IN ('done', 'failed', 'cancelled') "
        f"AND {_SAYS}",
        person,
    )
    execute(
        "UPDATE jobs_job SET label = '', parameters = '{{}}', position = position - 'after', message_values = '{{}}', "
        "message = '', result = '{{}}', cancel_requested = true, due_at = now() "
        f"WHERE tenant_id = {{tenant}} AND state IN ('queued', 'running') AND {_SAYS}",
        person,
    )


def _search_files(people: Sequence[Person], after: Any, limit: int) -> tuple[Any, int, bool]:
    """One file a step: it goes if it mentions one of the people; packed ones too, which cannot be searched: they are
    quickly made again."""
    file = File.objects.filter(pk__gt=after or 0).order_by("pk").first()
    if file is None:
        return after, 0, False
    pk = file.pk
    words = [word.lower().encode() for person in people for word in person.words]
    if file.name.lower().endswith((".xlsx", ".zip", ".gz")) or _mentions(file, words):
        delete_content(file)
    return pk, 1, True


def _mentions(file: File, words: list[bytes]) -> bool:
    longest = max((len(word) for word in words), default=1)
    tail = b""
    if any(word in file.name.lower().encode() for word in words):
        return True
    for chunk in chunks_of(file):
        text = (tail + chunk).lower()
        if any(word in text for word in words):
            return True
        tail = text[-longest:]
    return False


declare(
    Table(
        "jobs_job",
        personal="label parameters position message_values result",
        neutral="id tenant_id kind state total done message started_by_kind started_by_id cancel_requested attempts "
        "due_at created_at started_at stepped_at finished_at",
        staff="started_by",
        erase=Forget(_forget_in_jobs),
    ),
    Table(
        "jobs_file",
        personal="name folder",
        neutral="id tenant_id content_type parts size capability created_at expires_at",
        erase=Forget(lambda person: search_the_rest("jobs_file", person)),
    ),
)


def _count_files() -> int:
    return File.objects.count()  # asked of the workspace that is current then


search_in_slices(Search("jobs_file", step=_search_files, size=_count_files))


def _old_exports(before: datetime) -> Any:
    """Files that exports wrote: their jobs remember them."""
    found = Job.objects.filter(kind="export", created_at__lt=before).values_list("position", flat=True)
    kept = {position.get(name) for position in found for name in ("file", "rows")} - {None}
    return File.objects.filter(pk__in=kept)


def _let_exports_go(before: datetime, limit: int) -> int:
    old = list(_old_exports(before).order_by("pk")[:limit])
    for file in old:
        delete_content(file)
    return len(old)


_OLD = "t.finished_at < %(before)s"
_SAYING = (
    f"{_OLD} AND (t.label <> '' OR t.result <> '{{{{}}}}' OR t.parameters <> '{{{{}}}}' OR t.position <> '{{{{}}}}' "
    "OR t.message_values <> '{{}}')"
)

keep_for_a_time(
    Retention(
        "export_files",
        label=_("Files of exports"),
        effect=_("Files that staff and programs had written. Without a period they go after 7 days."),
        count=lambda before: _old_exports(before).count(),
        remove=_let_exports_go,
        least_days=1,
    )
)
keep_for_a_time(
    Retention(
        "job_results",
        label=_("Results of jobs"),
        effect=_("What was asked for and what came of it. That a job ran, when and for whom stays."),
        count=counting("jobs_job", _SAYING),
        remove=running(
            "UPDATE jobs_job SET label = '', parameters = '{{}}', position = '{{}}', message_values = '{{}}', "
            "message = '', result = '{{}}' WHERE tenant_id = {tenant} AND id IN (SELECT t.id FROM jobs_job t "
            f"WHERE t.tenant_id = {{tenant}} AND {_SAYING} ORDER BY t.id LIMIT %(limit)s)"
        ),
        least_days=1,
    )
)

keep_for_a_time(
    Retention(
        "jobs",
        label=_("Jobs"),
        effect=_("The list of imports, exports and other long work. Files go by themselves some days after."),
        count=counting("jobs_job", _OLD),
        remove=running(
            "DELETE FROM jobs_job WHERE tenant_id = {tenant} AND id IN (SELECT t.id FROM jobs_job t "
            f"WHERE t.tenant_id = {{tenant}} AND {_OLD} ORDER BY t.id LIMIT %(limit)s)"
        ),
    )
)
