"""Questions that a member answers through a link in their own mailbox: consent, download, erasure.

A confirmed consent is a ConsentRecord of its own, with its moment and, as proof, which confirmation was opened and a
fingerprint of the address it went to. No network address is kept: it says nothing of who held the mailbox.
"""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from members.actions.consents import record_consent, register_purpose
from members.actions.members import request_erasure
from members.actions.suppressions import suppress_address
from members.models import Confirmation, Member, Suppression
from members.queries.languages import language_of
from members.queries.links import confirmation_url, preferences_url
from members.queries.permission import OBSTACLES, obstacles
from urm.audit.actor import Actor, acting_as
from urm.channels.email import InvalidAddressError, Mail, Skeleton, SmtpSession, sender_of
from urm.channels.outcome import Outcome, Result
from urm.lib.tokens import fingerprint
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant
from urm.tenancy.work import wake

WORK = "members.confirmations"
BATCH = 20
LEASE = timedelta(minutes=5)
RETRIES = 5
VALID = {
    Confirmation.Kind.CONSENT: timedelta(days=7),
    Confirmation.Kind.DOWNLOAD: timedelta(hours=24),
    Confirmation.Kind.ERASURE: timedelta(hours=24),
}
AGAIN = timedelta(minutes=10)  # an open question is not sent anew within this time: nobody can fill a mailbox

State = Confirmation.State


def ask_for_consent(
    *, member: Member, purpose: str, source: str, wording: str = "", channel: str = "email"
) -> Confirmation:
    """Send a link by e-mail; until it is opened and confirmed there is no consent (double opt-in).

    Asking again while the question is open sends nothing more for some minutes. Raises ValidationError when the
    member cannot be written to.
    """
    if channel != "email":
        raise ValidationError({"channel": _("Double opt-in works by e-mail only.")}, code="channel")
    register_purpose(key=purpose)
    return _ask(member, Confirmation.Kind.CONSENT, channel=channel, purpose=purpose, source=source, wording=wording)


def ask_for_download(*, member: Member) -> Confirmation:
    """Send a link to everything that is known about the member."""
    return _ask(member, Confirmation.Kind.DOWNLOAD)


def ask_for_erasure(*, member: Member) -> Confirmation:
    """Send a link that erases the member once it is confirmed."""
    return _ask(member, Confirmation.Kind.ERASURE)


def _ask(member: Member, kind: Confirmation.Kind, **about: str) -> Confirmation:
    now = timezone.now()
    with transaction.atomic():
        member = Member.objects.select_for_update().get(pk=member.pk)
        if obstacle := obstacles([member.pk], channel="email", purpose=None).get(member.pk):
            raise ValidationError(
                _("No link can be sent to this member: %(reason)s.") % {"reason": OBSTACLES[obstacle]}, code=obstacle
            )
        open_ = Confirmation.objects.filter(
            member=member,
            kind=kind,
            purpose=about.get("purpose", ""),
            address=member.email,
            confirmed_at=None,
            created_at__gt=now - AGAIN,
        ).first()
        if open_ is not None:
            return open_
        asked = Confirmation.objects.create(
            member=member, kind=kind, address=member.email or "", created_at=now, expires_at=now + VALID[kind], **about
        )
        transaction.on_commit(lambda: wake(WORK))
    return asked


def confirm(*, confirmation: Confirmation) -> Confirmation:
    """The member opened the link and said yes; twice changes nothing. Raises ValidationError when it is too late."""
    member = Actor("member", confirmation.member_id, f"#{confirmation.member_id}")
    with acting_as(member), transaction.atomic():
        row = Confirmation.objects.select_for_update().select_related("member").get(pk=confirmation.pk)
        if row.confirmed_at is not None:
            return row
        if row.expires_at <= timezone.now():
            raise ValidationError(_("This link has expired."), code="expired")
        row.confirmed_at, row.due_at = timezone.now(), None
        row.save(update_fields=["confirmed_at", "due_at"])
        if row.kind == Confirmation.Kind.CONSENT:
            record_consent(
                member=row.member,
                channel=row.channel,
                purpose=row.purpose,
                granted=True,
                source=f"double opt-in: {row.source}"[:100],
                wording=row.wording,
                at=row.confirmed_at,
                proof=f"confirmation {row.pk}, address {address_fingerprint(row.address)}",
            )
        elif row.kind == Confirmation.Kind.ERASURE:
            request_erasure(member=row.member)
    return row


def address_fingerprint(address: str) -> str:
    """Tells whether two statements speak of one address, and not which."""
    return Suppression.digest_of("proof", address).hex()[:16]


def send_confirmations() -> int:
    """Send one batch of due links; returns how many were claimed. What a crash interrupted is sent again."""
    going = _claim()
    if not going:
        return 0
    with SmtpSession.configured() as session:
        outcomes = session.deliver([mail for _row, mail in going])
        for (row, _mail), outcome in zip(going, outcomes, strict=True):
            _finish(row, outcome)
    return len(going)


def _claim() -> list[tuple[Confirmation, Mail]]:
    """Due rows with their mails, marked as being handed over; the others are marked with what stands against them."""
    now = timezone.now()
    tenant = Tenant.objects.get(pk=require_tenant())
    going: list[tuple[Confirmation, Mail]] = []
    with transaction.atomic():
        due = list(
            Confirmation.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("member")
            .filter(state__in=[State.QUEUED, State.SENDING], due_at__lte=now)
            .order_by("due_at", "pk")[:BATCH]
        )
        against = obstacles([row.member_id for row in due], channel="email", purpose=None)
        for row in due:
            try:
                if row.expires_at <= now:
                    raise _SkippedError(gettext_noop("The link would have expired."))
                if row.member_id in against:
                    raise _SkippedError(str(OBSTACLES[against[row.member_id]]))
                mail = _mail(row, tenant)
            except (_SkippedError, InvalidAddressError) as error:
                Confirmation.objects.filter(pk=row.pk).update(state=State.SKIPPED, due_at=None, detail=str(error)[:300])
                continue
            row.tries += 1
            Confirmation.objects.filter(pk=row.pk).update(state=State.SENDING, due_at=now + LEASE, tries=row.tries)
            going.append((row, mail))
    return going


class _SkippedError(Exception):
    pass


def _mail(row: Confirmation, tenant: Tenant) -> Mail:
    with translation.override(language_of(row.member, tenant)), timezone.override(tenant.zone):
        purpose = str(register_purpose(key=row.purpose)) if row.purpose else ""
        subject = {
            Confirmation.Kind.CONSENT: _("Please confirm: %(purpose)s") % {"purpose": purpose},
            Confirmation.Kind.DOWNLOAD: _("Your data"),
            Confirmation.Kind.ERASURE: _("Please confirm: erase my data"),
        }[Confirmation.Kind(row.kind)]
        context = {
            "confirmation": row,
            "member": row.member,
            "purpose": purpose,
            "workspace": tenant.name,
            "link": confirmation_url(row),
            "preferences": preferences_url(row.member_id),
            "until": timezone.localtime(row.expires_at, tenant.zone),
        }
        return Skeleton(
            sender=sender_of(tenant.name),
            html=False,
            mostly_ascii=not (translation.get_language() or "").startswith("zh"),
        ).fill(
            recipient=(row.member.full_name, row.address),
            subject=f"{tenant.name}: {subject}",
            text=render_to_string("members/mail/confirmation.txt", context),
            message_id=f"confirm-{fingerprint('members.confirmation', tenant.pk, row.pk)}",
        )


def _finish(row: Confirmation, outcome: Outcome) -> None:
    now = timezone.now()
    change: dict[str, object] = {"detail": outcome.detail[:300], "due_at": None}
    match outcome.result:
        case Result.SENT:
            change |= {"state": State.SENT, "sent_at": now}
        case Result.REFUSED:
            change |= {"state": State.FAILED}
        case _ if row.tries < RETRIES:
            change |= {"state": State.QUEUED, "due_at": now + timedelta(minutes=2**row.tries)}
        case _:
            change |= {"state": State.FAILED}
    with transaction.atomic():
        Confirmation.objects.filter(pk=row.pk, state=State.SENDING).update(**change)
        if outcome.address_refused:
            suppress_address(channel="email", address=row.address, reason=Suppression.Reason.BOUNCED)
