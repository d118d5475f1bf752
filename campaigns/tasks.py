"""Work of this app; see urm.tenancy.work for how it is started."""

from django.utils import timezone

from campaigns.actions import runs, sending, upkeep
from campaigns.models import Campaign
from urm.tenancy.work import register_work, wake


@register_work("campaigns.schedule", queue="send")
def schedule() -> bool:
    """Fire what is due, one campaign a step; then set the alarm for the next."""
    if runs.start_due_run():
        return True
    if (at := runs.next_fire_time()) is not None:
        wake("campaigns.schedule", at)
    return False


@register_work("campaigns.send", queue="send")
def send() -> bool:
    """One batch of every open run, so that a large one does not hold up the small; True when more may be due now."""
    more = False
    alarms = []
    for run in upkeep.open_runs():
        upkeep.end_leases(run)
        if run.campaign.state == Campaign.State.CANCELLED:
            more = upkeep.skip_the_rest(run) > 0 or more
        elif (sent := sending.send_batch(run)) is sending.Sent.UNREACHABLE:
            alarms.append(timezone.now() + sending.PAUSE_WITHOUT_SERVER)
            continue
        else:
            more = sent is sending.Sent.BATCH or more
        if not upkeep.finish_run(run) and (due := upkeep.next_due(run)) is not None:
            alarms.append(due)
    if not more and alarms:
        wake("campaigns.send", min(alarms))
    return more
