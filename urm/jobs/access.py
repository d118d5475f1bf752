"""Who of the staff may do what with a job."""

from django.http import HttpRequest

from urm.jobs.kinds import kind_of, kinds_seen_with
from urm.jobs.models import Job
from urm.tenancy.models import User


def may_change_job(request: HttpRequest, job: Job) -> bool:
    """Cancel it or try it again: by the kind's capability, or because it is one's own."""
    kind, user = kind_of(job.kind), request.user
    if kind is None or not isinstance(user, User) or not user.may(kind.view):
        return False
    own = job.started_by_kind == "staff" and job.started_by_id == user.pk
    return own or user.may(kind.change)


def kinds_seen_by(request: HttpRequest) -> list[str]:
    user = request.user
    return kinds_seen_with(user.may) if isinstance(user, User) else []
