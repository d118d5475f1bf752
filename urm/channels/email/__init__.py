"""E-mail over SMTP.

skeleton = Skeleton(sender=sender_of("Acme"))                            # once per message
mail = skeleton.fill(recipient=("林 晓", "lin@example.com"), subject=…, text=…, html=…, …)   # once per member
with SmtpSession.configured() as session:                                # once per batch
    for outcome in session.deliver(mails): …                             # one Outcome per mail, in order
"""

from urm.channels.email.headers import InvalidAddressError
from urm.channels.email.mime import Mail, Skeleton
from urm.channels.email.sender import sender_of
from urm.channels.email.smtp import SmtpSession

__all__ = ["InvalidAddressError", "Mail", "Skeleton", "SmtpSession", "sender_of"]
