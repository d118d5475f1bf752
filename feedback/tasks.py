"""Sending invitations; see urm.tenancy.work for how it is started."""

from feedback.actions import send_invitations
from feedback.queries import next_invitation
from urm.tenancy.work import register_work, wake


@register_work("feedback.send", queue="send")
def send() -> bool:
    if send_invitations():
        return True
    moment = next_invitation()
    if moment is not None:
        wake("feedback.send", moment)
    return False
