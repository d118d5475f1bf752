"""What keeps runs going: ended leases, cancelled rests, finished runs, the alarm for what waits, and unknown ones."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Delivery, Run
from urm.audit.actions import record
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

State = Delivery.State

# The token stays on what becomes unknown: its worker may be alive and only slow, and its answer is still welcome.
_END_LEASES = """
UPDATE campaigns_delivery
SET state = CASE state WHEN 'claimed' THEN 'queued' ELSE 'unknown' END,
    due_at = CASE state WHEN 'claimed' THEN %(now)s END,
    token = CASE state WHEN 'sending' THEN token END,
    detail = CASE state WHEN 'sending' THEN 'The worker stopped before the mail server answered.' END
WHERE tenant_id = {tenant} AND run_id = %(run)s AND state IN ('claimed', 'sending') AND due_at <= %(now)s
"""

_CANCEL = """
UPDATE campaigns_delivery d SET state = 'skipped', reason = 'cancelled', due_at = NULL
WHERE d.tenant_id = {tenant} AND d.run_id = %(run)s AND d.member_id = ANY (ARRAY(
    SELECT member_id FROM campaigns_delivery
    WHERE tenant_id = {tenant} AND run_id = %(run)s AND state = 'queued' LIMIT 20000 FOR UPDATE SKIP LOCKED
))
"""


def open_runs() -> list[Run]:
    """Runs in which something may be left to do now, those of paused campaigns excepted."""
    return list(
        Run.objects.filter(finished_at=None, campaign__state__in=[Campaign.State.RUNNING, Campaign.State.CANCELLED])
        .select_related("campaign", "campaign__message", "campaign__segment")
        .order_by("pk")
    )


def end_leases(run: Run) -> int:
    """Take back what a worker claimed and did not finish in time."""
    return _execute(_END_LEASES, run)


def skip_the_rest(run: Run) -> int:
    """Decide against what a cancelled campaign has not sent, some thousands at a time."""
    return _execute(_CANCEL, run)


def finish_run(run: Run) -> bool:
    """Close the run when no delivery is open any more; the campaign is then done."""
    if _open(run).exists():
        return False
    with transaction.atomic():
        now = timezone.now()
        Run.objects.filter(pk=run.pk, finished_at=None).update(finished_at=now)
        Campaign.objects.filter(pk=run.campaign_id, state=Campaign.State.RUNNING).update(
            state=Campaign.State.DONE, finished_at=now
        )
    return True


def next_due(run: Run) -> datetime | None:
    """When the run has to be looked at again: the earliest retry or end of a lease."""
    return _open(run).order_by("due_at").values_list("due_at", flat=True).first()


def retry_unknown(*, campaign: Campaign) -> int:
    """Send those again whose answer was lost; members may get the message twice, so a person has to decide it."""
    with transaction.atomic():
        run_ids = list(Run.objects.filter(campaign=campaign).values_list("pk", flat=True))
        moved = Delivery.objects.filter(run_id__in=run_ids, state=State.UNKNOWN).update(
            state=State.QUEUED, due_at=timezone.now(), token=None
        )
        if not moved:
            raise ValidationError(_("There are no deliveries in an unknown state."), code="nothing_unknown")
        Run.objects.filter(pk__in=run_ids).update(finished_at=None)
        Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.DONE).update(
            state=Campaign.State.RUNNING, finished_at=None
        )
        record(verb="campaign.retry_unknown", target=campaign, after={"deliveries": moved})
        transaction.on_commit(lambda: wake("campaigns.send"))
    return moved


def _open(run: Run) -> models.QuerySet[Delivery]:
    return Delivery.objects.filter(run_id=run.pk, state__in=[State.QUEUED, State.CLAIMED, State.SENDING])


def _execute(statement: str, run: Run) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(tenant=require_tenant()), {"run": run.pk, "now": timezone.now()})
        return int(cursor.rowcount)
