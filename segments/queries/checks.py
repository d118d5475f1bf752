"""What the nightly self-check found, and how far the computation of new rules is."""

from segments.models import SelfCheck
from urm.jobs.models import Job

RECOMPUTE = "segments.recompute"


def newest_check() -> SelfCheck | None:
    return SelfCheck.objects.order_by("-at").first()


def recompute_percent() -> int | None:
    """How far new rules are computed; None when no job is at it."""
    job = Job.objects.filter(kind=RECOMPUTE, state__in=Job.OPEN).order_by("-pk").first()
    if job is None:
        return None
    return min(99, job.done * 100 // job.total) if job.total else 0
