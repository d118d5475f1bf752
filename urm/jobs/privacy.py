"""Jobs and their files: exports and imports hold whole lists of people."""

from django.utils.translation import gettext_lazy as _

from urm.jobs.files import chunks_of, delete_content
from urm.jobs.models import File
from urm.privacy import Forget, Person, Table, declare
from urm.privacy.registry import execute
from urm.privacy.retention import Retention, counting, keep_for_a_time, running


def _forget_in_jobs(person: Person) -> None:
    execute(
        "UPDATE jobs_job SET label = '', parameters = '{{}}', message = '', message_values = '{{}}', result = '{{}}' "
        "WHERE tenant_id = {tenant} AND state IN ('done', 'failed', 'cancelled') AND (label ILIKE ANY({addresses}) "
        "OR parameters::text ILIKE ANY({addresses}) OR message_values::text ILIKE ANY({addresses}) "
        "OR result::text ILIKE ANY({addresses}))",
        person,
    )


def _forget_in_files(person: Person) -> None:
    """Files that mention the person go; packed ones too, which cannot be searched: they are quickly made again."""
    words = [word.lower().encode() for word in person.words]
    for file in File.objects.all():
        if file.name.lower().endswith((".xlsx", ".zip", ".gz")) or _mentions(file, words):
            delete_content(file)


def _mentions(file: File, words: list[bytes]) -> bool:
    longest = max((len(word) for word in words), default=1)
    tail = b""
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
        erase=Forget(_forget_in_files),
    ),
)

_OLD = "t.finished_at < %(before)s"

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
