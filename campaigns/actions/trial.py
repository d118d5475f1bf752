"""A mail to oneself, to see it in a real mail program before members do."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Message
from campaigns.queries.content import ContentError, prepare
from campaigns.queries.rendering import NO_RUN, message_id, render_preview
from members.models import Member, Suppression
from urm.audit.actions import record
from urm.channels.email import InvalidAddressError, Skeleton, SmtpSession, sender_of
from urm.channels.outcome import Result
from urm.channels.templating import TemplateError
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Role, Tenant


def send_test_mail(*, message: Message, member: Member, address: str, campaign: Campaign | None = None) -> None:
    """Send the message as `member` would get it to `address`; raises ValidationError when it cannot be.

    Its links are not tracked, and its unsubscribe page and preference centre change nothing. It goes to staff of the
    workspace only, whatever the address, so it is no way round the members' consent.
    """
    _check_address(address)
    try:
        shown = render_preview(message, member, campaign)
        tenant = Tenant.objects.get(pk=require_tenant())
        mail = Skeleton(
            sender=sender_of(message.sender_name or tenant.name),
            mostly_ascii=prepare(message, tracked=False).mostly_ascii,
        ).fill(
            recipient=("", address),
            subject=_("[Test] %(subject)s") % {"subject": shown.subject},
            text=shown.text,
            html=shown.html,
            message_id=message_id(NO_RUN, member.pk),
            unsubscribe_url=shown.unsubscribe_url,
        )
    except (ContentError, TemplateError, InvalidAddressError) as error:
        raise ValidationError(str(error)) from error
    with SmtpSession.configured() as session:
        [outcome] = session.deliver([mail])
    if outcome.result is not Result.SENT:
        raise ValidationError(_("The mail server did not take the mail: %(reason)s") % {"reason": outcome.detail})
    record(verb="message.test", target=message)


def _check_address(address: str) -> None:
    if not Role.objects.filter(tenant_id=require_tenant(), user__email=address.lower(), user__is_active=True).exists():
        raise ValidationError(_("Test mails go to staff of this workspace only."))
    if Suppression.objects.filter(channel="email", digest=Suppression.digest_of("email", address)).exists():
        raise ValidationError(_("The address is on the suppression list."))
