"""Kinds of jobs for these tests: they tag members one by one, so that what was done twice or not at all shows."""

from django.utils.translation import gettext_noop

from members.models import Tag
from urm.jobs.kinds import JobError, register_job
from urm.jobs.models import Job

ended: list[tuple[str, str]] = []


def note_end(job: Job) -> None:
    ended.append((job.label, job.state))


@register_job("tests.count", label="Count", view="members.view", change="members.change", on_end=note_end)
def count(job: Job) -> bool:
    """Makes one tag a step: `parameters["fail_at"]` breaks that step, `["refuse_at"]` refuses with words."""
    number = int(job.position.get("next", 0))
    Tag.objects.create(name=f"{job.label} {number}")
    if job.parameters.get("fail_at") == number:
        raise RuntimeError("A secret detail.")
    if job.parameters.get("refuse_at") == number:
        raise JobError(gettext_noop("Must be one of: %(choices)s."), choices=str(number))
    job.position["next"] = number + 1
    job.done = number + 1
    job.say(gettext_noop("Waiting to start"))
    return job.done < (job.total or 0)
