"""Work on the log, on erasures and on confirmations; see urm.tenancy.work for how it is started."""

from datetime import timedelta

from django.db.models import Min
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.actions import (
    compare_if_requested,
    expire_tags,
    let_go,
    next_tag_expiry,
    send_confirmations,
    wake_at_night,
)
from members.actions.erasure import KIND, forget_search, search_for_pending, start_erasures
from members.actions.imports.checking import check_step, end_check
from members.actions.imports.running import delete_old_rows, end_run, run_step
from members.actions.imports.undoing import end_undo, undo_step
from members.consumers import reactions
from members.consumers.absorb import absorb
from members.models import Confirmation, RetentionPeriod
from urm.jobs.actions import step_job
from urm.jobs.kinds import register_job
from urm.jobs.models import Job
from urm.tenancy.work import register_work, wake


@register_work("stream", queue="stream")
def stream() -> bool:
    """Absorb one batch, then let every consumer have its turn; True while anything was done."""
    absorbed = absorb()
    if absorbed is None:  # another worker is at it: look again soon, it may miss what came last
        wake("stream", timezone.now() + timedelta(seconds=1))
        return False
    consumed = [reaction.run() for reaction in reactions()]
    return absorbed > 0 or any(consumed)


@register_work("tags", queue="slow")
def expire() -> bool:
    """Take tags off whose time is over; otherwise set the alarm for the next one."""
    if expire_tags():
        return True
    if (moment := next_tag_expiry()) is not None:
        wake("tags", moment)
    return False


@register_work("duplicates", queue="slow")
def compare() -> bool:
    """Compare all members with one another, when staff ask for it."""
    compare_if_requested()
    return False


@register_work("erase", queue="slow")
def erase() -> bool:
    """Step the job that erases whoever asked for it, starting one if need be."""
    job = start_erasures()
    return job is not None and step_job(job=job)


register_job(
    KIND,
    label=_("Erasure"),
    view="members.erase",
    change="members.erase",
    url=lambda job: reverse("admin:members_erasure_changelist"),
    on_end=forget_search,
)(search_for_pending)


@register_work("members.confirmations", queue="send")
def confirmations() -> bool:
    """Send links to be confirmed that are due, and set the alarm for those that are not yet."""
    if send_confirmations():
        return True
    due = Confirmation.objects.filter(due_at__isnull=False).aggregate(at=Min("due_at"))["at"]
    if due is not None:
        wake("members.confirmations", due)
    return False


def _page_of_import(job: Job) -> str:
    return reverse("admin:members_import_change", args=[job.parameters["import"]])


@register_job(
    "members.import.check",
    label=_("Check of an import"),
    view="members.view",
    change="members.change",
    url=_page_of_import,
    on_end=end_check,
)
def check(job: Job) -> bool:
    return check_step(job)


@register_job(
    "members.import.run",
    label=_("Import"),
    view="members.view",
    change="members.change",
    url=_page_of_import,
    on_end=end_run,
)
def run(job: Job) -> bool:
    return run_step(job)


@register_job(
    "members.import.undo",
    label=_("Undo of an import"),
    view="members.view",
    change="members.change",
    url=_page_of_import,
    on_end=end_undo,
)
def undo(job: Job) -> bool:
    return undo_step(job)


@register_work("members.import_rows", queue="slow")
def import_rows() -> bool:
    """Woken by the sweep: delete rows of imports that cannot be undone any more."""
    return delete_old_rows()


@register_work("retention", queue="slow")
def retention() -> bool:
    """Let go of one slice of what is kept for long enough; otherwise set the alarm for the next night."""
    if let_go():
        return True
    if RetentionPeriod.objects.exists():
        wake_at_night()
    return False
