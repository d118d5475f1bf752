"""E-mail over SMTP.

skeleton = Skeleton(sender=("Acme", "news@acme.example"), html=True)     # once per message
mail = skeleton.fill(recipient=("林 晓", "lin@example.com"), subject=…, text=…, html=…, …)   # once per member
with SmtpSession(**settings.EMAIL) as session:                           # once per batch
    for outcome in session.deliver(mails): …                             # one Outcome per mail, in order
"""

from urm.channels.email.headers import InvalidAddressError
from urm.channels.email.mime import Mail, Skeleton
from urm.channels.email.smtp import SmtpSession

__all__ = ["InvalidAddressError", "Mail", "Skeleton", "SmtpSession"]
