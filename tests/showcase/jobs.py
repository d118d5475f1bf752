"""One job of each state."""

from django.utils.translation import gettext_noop

from tests.jobs import counting  # noqa: F401 - registers the kind
from urm.jobs.actions import cancel_job, start_job
from urm.jobs.models import Job
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


def build(tenant: Tenant) -> None:
    start_job(kind="tests.count", label="spring", total=40)
    start_job(kind="tests.count", label="summer", total=30, parameters={"refuse_at": 7})
    taken_back = start_job(kind="tests.count", label="autumn", total=20)
    cancel_job(job=taken_back)
    drain(tenant.pk, names=["jobs"])
    running = start_job(kind="tests.count", label="winter", total=50)
    Job.objects.filter(pk=running.pk).update(
        state="running", done=20, message=gettext_noop("Waiting to start"), due_at=running.created_at.replace(year=9000)
    )
