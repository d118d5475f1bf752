"""The work of all jobs; see urm.tenancy.work for how it is started."""

from urm.jobs import exports  # noqa: F401 - registers the kind
from urm.jobs.actions import step_next_job
from urm.jobs.files import delete_expired
from urm.tenancy.work import register_work


@register_work("jobs", queue="slow")
def jobs() -> bool:
    return step_next_job()


@register_work("files", queue="slow")
def files() -> bool:
    """Woken by the sweep: files that have run out are deleted within a minute or so."""
    return delete_expired()
