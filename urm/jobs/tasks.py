"""The work of all jobs; see urm.tenancy.work for how it is started."""

from urm.jobs.actions import step_next_job
from urm.tenancy.work import register_work


@register_work("jobs", queue="slow")
def jobs() -> bool:
    return step_next_job()
