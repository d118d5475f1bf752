"""Firing what is due: one run per campaign and fire time, and with it the decision about every member."""

from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from campaigns.models import Campaign, Link, Run
from campaigns.queries.audience import AUDIENCE, WHOLE_TABLES, audience_parameters
from campaigns.queries.content import prepare
from campaigns.queries.recipients import proposition_versions
from urm.audit.actions import record
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

# In the order of the key: half a million rows go to the end of the index, not all over it.
_DECIDE = f"""
INSERT INTO campaigns_delivery (tenant_id, run_id, member_id, state, reason, due_at)
SELECT {{tenant}}, %(run)s, a.member_id, CASE WHEN a.reason IS NULL THEN 'queued' ELSE 'skipped' END, a.reason,
       CASE WHEN a.reason IS NULL THEN %(now)s END
FROM ({AUDIENCE}) a ORDER BY a.member_id
ON CONFLICT DO NOTHING
"""


def start_due_run() -> bool:
    """Fire the campaign that has been due longest; False when none is. Any number of schedulers may try at once."""
    now = timezone.now()
    campaign = (
        Campaign.objects.filter(state=Campaign.State.SCHEDULED, scheduled_at__lte=now)
        .select_related("message", "segment")
        .order_by("scheduled_at", "pk")
        .first()
    )
    if campaign is None or campaign.scheduled_at is None:
        return False
    start_run(campaign=campaign, fire_at=campaign.scheduled_at)
    return True


def start_run(*, campaign: Campaign, fire_at: datetime) -> Run | None:
    """Decide for every member of the segment, in one transaction; None when this fire time has been taken."""
    links = prepare(campaign.message, tracked=True).links
    now = timezone.now()
    with transaction.atomic():
        # The row lock makes a second scheduler wait; it then finds the state changed.
        taken = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.SCHEDULED, scheduled_at=fire_at).update(
            state=Campaign.State.RUNNING
        )
        if not taken:
            return None
        run = Run.objects.create(
            campaign=campaign, fire_at=fire_at, started_at=now, propositions=proposition_versions(campaign.segment)
        )
        Link.objects.bulk_create(
            [Link(campaign=campaign, number=number, url=url) for number, url in enumerate(links, start=1)],
            ignore_conflicts=True,
        )
        run.audience = create_deliveries(run=run, now=now)
        run.save(update_fields=["audience"])
        record(verb="campaign.start", target=campaign, after={"run": run.pk, "audience": run.audience})
        transaction.on_commit(lambda: wake("campaigns.send"))
    return run


def create_deliveries(*, run: Run, now: datetime) -> int:
    """One row for everybody in the segment, those who do not get it with the reason; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(WHOLE_TABLES)
        cursor.execute(
            _DECIDE.format(tenant=require_tenant()), {**audience_parameters(run.campaign), "run": run.pk, "now": now}
        )
        return int(cursor.rowcount)


def next_fire_time() -> datetime | None:
    return (
        Campaign.objects.filter(state=Campaign.State.SCHEDULED)
        .order_by("scheduled_at")
        .values_list("scheduled_at", flat=True)
        .first()
    )
