"""Work on the log, on erasures and on confirmations; see urm.tenancy.work for how it is started."""

from datetime import timedelta

from django.db.models import Min
from django.utils import timezone

from members.actions import erase_member, expire_tags, next_tag_expiry, send_confirmations
from members.consumers import reactions
from members.consumers.absorb import absorb
from members.models import Confirmation, Member
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


@register_work("erase", queue="slow")
def erase() -> bool:
    """Erase one member who asked for it."""
    member = Member.objects.filter(erasure_requested_at__isnull=False, erased_at=None).first()
    if member is None:
        return False
    erase_member(member=member)
    return True


@register_work("members.confirmations", queue="send")
def confirmations() -> bool:
    """Send links to be confirmed that are due, and set the alarm for those that are not yet."""
    if send_confirmations():
        return True
    due = Confirmation.objects.filter(due_at__isnull=False).aggregate(at=Min("due_at"))["at"]
    if due is not None:
        wake("members.confirmations", due)
    return False
