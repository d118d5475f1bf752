"""Starting jobs, taking them back, and stepping them. urm.jobs says what holds."""

import traceback
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from urm.audit.actions import record
from urm.audit.actor import Actor, acting_as, current_actor
from urm.jobs.kinds import JobError, JobKind, kind_of
from urm.jobs.models import Job
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake, wake_after_commit

logger = structlog.get_logger(__name__)

ATTEMPTS = 3
_STEPPED = ("position", "total", "done", "message", "message_values", "result", "state", "attempts")
_MOMENTS = ("started_at", "stepped_at", "finished_at", "due_at")
State = Job.State


def start_job(
    *, kind: str, label: str = "", parameters: Mapping[str, Any] | None = None, total: int | None = None
) -> Job:
    """Queue a job of a registered kind in the name of the current actor; a worker takes it up after the commit."""
    if kind_of(kind) is None:
        raise ValueError(f"No kind of job is registered as {kind!r}.")
    actor = current_actor()
    with transaction.atomic():
        job = Job.objects.create(
            kind=kind,
            label=label[:200],
            parameters=dict(parameters or {}),
            total=total,
            started_by_kind=actor.kind,
            started_by_id=actor.id,
            started_by=actor.label[:200],
        )
        if actor.kind != "system":
            record(verb="job.start", target=job, target_label=kind)
        wake_after_commit("jobs")
    return job


def cancel_job(*, job: Job) -> None:
    """Have an open job end before its next step. Asking twice changes nothing; a finished one is refused."""
    with transaction.atomic():
        if not Job.objects.filter(pk=job.pk, state__in=Job.OPEN).update(cancel_requested=True, due_at=timezone.now()):
            raise ValidationError(_("This job has ended already."), code="job_has_ended")
        record(verb="job.cancel", target=job, target_label=job.kind)
        wake_after_commit("jobs")


def retry_job(*, job: Job) -> None:
    """Let a failed job go on where it stopped."""
    with transaction.atomic():
        again = Job.objects.filter(pk=job.pk, state=State.FAILED).update(
            state=State.QUEUED, attempts=0, due_at=timezone.now(), finished_at=None, cancel_requested=False
        )
        if not again:
            raise ValidationError(_("Only a job that failed can be tried again."), code="job_has_not_failed")
        record(verb="job.retry", target=job, target_label=job.kind)
        wake_after_commit("jobs")


def step_next_job() -> bool:
    """Step the job of this workspace that waited longest; True when there may be more to do."""
    now = timezone.now()
    waiting = Job.objects.filter(state__in=Job.OPEN).order_by("stepped_at", "pk")
    for pk in list(waiting.filter(due_at__lte=now).values_list("pk", flat=True)[:20]):
        if _step(pk):
            return True
    later = waiting.filter(due_at__gt=now).order_by("due_at").values_list("due_at", flat=True).first()
    if later:
        wake("jobs", later)
    return False


def step_job(*, job: Job) -> bool:
    """One step of this very job, for whoever does not want to wait for its turn; False when it has ended, waits after
    a failure, or another worker is at it."""
    return Job.objects.filter(pk=job.pk, state__in=Job.OPEN, due_at__lte=timezone.now()).exists() and _step(job.pk)


def _step(pk: int) -> bool:
    """One step of this job; False when another worker is at it or it has ended."""
    try:
        with transaction.atomic():
            job = _claimed(pk)
            if job is None:
                return False
            with acting_as(Actor(job.started_by_kind, job.started_by_id, job.started_by)):
                _advance(job)
            _save(job)
    except (OperationalError, InterfaceError):
        raise  # the database is away: the job is where it was, and the sweep comes again
    except Exception as error:
        _note_failure(pk, error)
    return True


def _claimed(pk: int) -> Job | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"urm.jobs:{require_tenant()}:{pk}"]
        )
        if not cursor.fetchone()[0]:
            return None
    # Read after the lock: what an earlier holder committed is seen.
    return Job.objects.filter(pk=pk, state__in=Job.OPEN).first()


def _advance(job: Job) -> None:
    kind = kind_of(job.kind)
    if kind is None:
        raise JobError(gettext_noop("This version of the platform does not know this kind of job."))
    job.stepped_at = timezone.now()
    if job.started_at is None:
        job.started_at = job.stepped_at
    if job.cancel_requested:
        _end(job, kind, State.CANCELLED)
        return
    job.state = State.RUNNING
    more = kind.step(job)
    job.attempts = 0
    if not more:
        _end(job, kind, State.DONE)


def _end(job: Job, kind: JobKind | None, state: str) -> None:
    job.state, job.finished_at = state, timezone.now()
    if state == State.DONE and job.total is None:
        job.total = job.done
    if kind and kind.on_end:
        kind.on_end(job)


def _save(job: Job) -> None:
    """All but what a request may change meanwhile (`cancel_requested`)."""
    job.save(update_fields=[*_STEPPED, *_MOMENTS])


def _note_failure(pk: int, error: Exception) -> None:
    """What the step wrote is rolled back; the job waits a little, or ends."""
    with transaction.atomic():
        job = _claimed(pk)
        if job is None:
            return
        now = timezone.now()
        job.attempts += 1
        job.stepped_at = now
        if not isinstance(error, JobError) and job.attempts < ATTEMPTS:
            job.due_at = now + timedelta(seconds=2**job.attempts)
            logger.warning("job_step_failed", job=pk, kind=job.kind, fault=type(error).__name__, attempt=job.attempts)
        else:
            if isinstance(error, JobError):
                job.say(error.text, **error.values)
            else:
                logger.error("job_failed", job=pk, kind=job.kind, fault=type(error).__name__, frames=_frames(error))
                job.say(gettext_noop("Something went wrong here; it has been logged. What was done stays."))
            kind = kind_of(job.kind)
            try:
                with transaction.atomic():
                    _end(job, kind, State.FAILED)
            except Exception as fault:  # the end of a failed job must not keep it from ending
                logger.error("job_end_failed", job=pk, kind=job.kind, fault=type(fault).__name__, frames=_frames(fault))
        _save(job)


def _frames(error: Exception) -> list[str]:
    """Where it went wrong, not what with: an exception's words may quote a member's data."""
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
