"""Jobs of each state: exports (one whose file is ready, one whose file is gone) and computations of edited rules."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from segments.models import SelfCheck
from segments.queries.checks import RECOMPUTE
from urm.jobs.actions import start_job
from urm.jobs.exports import start_export
from urm.jobs.models import File, Job
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

FAILED = gettext_noop("Something went wrong here; it has been logged. What was done stays.")
COMPUTED = gettext_noop("%(done)s members computed; what held before stands until all are.")
STATES: dict[str, dict[str, Any]] = {
    "running": {"done": 20, "total": 50},
    "failed": {"done": 7, "total": 50, "message": FAILED},
    "cancelled": {"done": 3, "total": 9},
}


def build(tenant: Tenant) -> None:
    with override(tenant.language):
        for _file in range(2):
            start_export(what="members", file_format="csv", query={})
        drain(tenant.pk, names=["jobs"])
        File.objects.filter(pk=Job.objects.filter(kind="export").order_by("pk")[0].result["file_id"]).update(
            expires_at=timezone.now()
        )
        for state, fields in STATES.items():
            export = {"what": "members", "format": "csv", "query": {}}
            _shelve(start_job(kind="export", label=_("Members"), parameters=export), state, fields)
            said = {"message": COMPUTED, "message_values": {"done": fields["done"]}} if state == "running" else {}
            _shelve(start_job(kind=RECOMPUTE, parameters={}), state, fields | said)
        _shelve(start_job(kind=RECOMPUTE, parameters={}), "done", {"done": 50, "total": 50})
    SelfCheck.objects.create(looked_at=1000, drifted=2, examples=[1, 2])


def _shelve(job: Job, state: str, fields: dict[str, Any]) -> None:
    """Far ahead, so that no worker takes it up."""
    ended = None if state == "running" else job.created_at
    Job.objects.filter(pk=job.pk).update(
        state=state, due_at=job.created_at.replace(year=9000), started_at=job.created_at, finished_at=ended, **fields
    )
