"""Handing invitations to SMTP: claimed with a lease, fenced, one answer each. No I/O inside a transaction."""

from datetime import timedelta
from email.utils import parseaddr
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext_noop

from feedback.actions.invitations import FRESH, link_of
from feedback.events import SurveyInvited
from feedback.models import Invitation
from feedback.queries import quota_is_full
from members.actions import emit, suppress_address
from members.models import Member, Suppression
from members.queries.languages import language_of
from members.queries.links import preferences_url
from members.queries.permission import obstacles
from urm.channels.email import InvalidAddressError, Mail, Skeleton, SmtpSession
from urm.channels.outcome import Outcome, Result
from urm.lib.tokens import fingerprint
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

BATCH = 20  # so many at most are unknown after a crash
LEASE = timedelta(minutes=5)
RETRIES = 5
State = Invitation.State

# The obstacles of the gate, as the list of invitations says them.
NOT_SENT = {
    "erased": gettext_noop("Not sent: erased or asked for it."),
    "merged": gettext_noop("Not sent: merged into another member."),
    "no_address": gettext_noop("Not sent: no address."),
    "no_consent": gettext_noop("Not sent: no consent any more."),
    "suppressed": gettext_noop("Not sent: on the suppression list."),
}


def send_invitations() -> int:
    """Send one batch of due invitations; returns how many were claimed."""
    _take_over_from_the_dead()
    claimed = _claim()
    if not claimed:
        return 0
    tenant = Tenant.objects.get(pk=require_tenant())
    prepared = [(one, mail) for one in claimed if (mail := _prepare(one, tenant)) is not None]
    fenced = _raise_fence([one for one, _mail in prepared])
    going = [(one, mail) for one, mail in prepared if one.pk in fenced]
    with SmtpSession(**cast("dict[str, Any]", settings.EMAIL)) as session:
        for (invitation, _mail), outcome in zip(going, session.deliver([mail for _one, mail in going]), strict=True):
            _finish(invitation, outcome)
    return len(claimed)


def _take_over_from_the_dead() -> None:
    late = Invitation.objects.filter(lease_until__lt=timezone.now())
    late.filter(state=State.CLAIMED).update(state=State.QUEUED, lease_until=None)
    late.filter(state=State.SENDING).update(
        state=State.UNKNOWN, lease_until=None, detail=gettext_noop("The worker died while the mail was on its way.")
    )


def _claim() -> list[Invitation]:
    now = timezone.now()
    with transaction.atomic():
        ids = list(
            Invitation.objects.select_for_update(skip_locked=True)
            .filter(state=State.QUEUED, send_at__lte=now)
            .order_by("send_at", "pk")
            .values_list("pk", flat=True)[:BATCH]
        )
        Invitation.objects.filter(pk__in=ids).update(state=State.CLAIMED, lease_until=now + LEASE, tries=F("tries") + 1)
    return list(Invitation.objects.select_related("survey", "member").filter(pk__in=ids).order_by("pk"))


def _raise_fence(invitations: list[Invitation]) -> set[int]:
    """Those that may be handed over now; from here on, one whose answer is lost is unknown and not sent again.

    The gate is asked in the transaction that raises the fence: who withdrew consent a moment ago is skipped.
    """
    with transaction.atomic():
        mine = list(
            Invitation.objects.select_for_update()
            .filter(pk__in=[one.pk for one in invitations], state=State.CLAIMED)
            .values_list("pk", flat=True)
        )
        clear = set(mine)
        for purpose in {one.survey.purpose for one in invitations}:
            asked = [one for one in invitations if one.pk in clear and one.survey.purpose == purpose]
            against = obstacles([one.member_id for one in asked], channel="email", purpose=purpose)
            for one in asked:
                if one.member_id in against:
                    _skip(one, NOT_SENT[against[one.member_id]])
                    clear.discard(one.pk)
        Invitation.objects.filter(pk__in=clear).update(state=State.SENDING)
    return clear


def _prepare(invitation: Invitation, tenant: Tenant) -> Mail | None:
    """The mail; None when it must not go after all, which is then noted with the reason."""
    survey, member = invitation.survey, invitation.member
    if not survey.active:
        reason = gettext_noop("The survey was closed.")
    elif quota_is_full(survey):
        reason = gettext_noop("The survey has as many answers as asked for.")
    elif timezone.now() - invitation.send_at > FRESH and invitation.tries == 1:
        reason = gettext_noop("More than a day late.")
    elif not member.email:
        reason = NOT_SENT["no_address"]
    else:
        try:
            return _mail(invitation, member, tenant)
        except InvalidAddressError:
            reason = gettext_noop("The address cannot be written to.")
    _skip(invitation, reason)
    return None


def _skip(invitation: Invitation, reason: str) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(state=State.SKIPPED, detail=reason, lease_until=None)


def _mail(invitation: Invitation, member: Member, tenant: Tenant) -> Mail:
    sender = (tenant.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1])
    link = link_of(invitation)
    stop = link.rstrip("/") + "/stop/"
    with translation.override(language_of(member, tenant)):
        context = {
            "survey": invitation.survey,
            "member": member,
            "workspace": tenant,
            "link": link,
            "stop": stop,
            "preferences": preferences_url(member.pk),
            "until": timezone.localtime(invitation.expires_at, tenant.zone),
            "language": translation.get_language(),
        }
        return Skeleton(sender=sender, mostly_ascii=not (translation.get_language() or "").startswith("zh")).fill(
            recipient=(member.full_name, member.email or ""),
            subject=invitation.survey.title,
            text=render_to_string("feedback/invitation.txt", context),
            html=render_to_string("feedback/invitation.html", context),
            message_id=f"survey-{fingerprint('survey-mail', tenant.pk, invitation.pk)}",
            unsubscribe_url=stop,
        )


def _finish(invitation: Invitation, outcome: Outcome) -> None:
    now = timezone.now()
    change: dict[str, object] = {"lease_until": None, "detail": outcome.detail[:300]}
    match outcome.result:
        case Result.SENT:
            change |= {"state": State.SENT, "sent_at": now}
        case Result.REFUSED:
            change |= {"state": State.FAILED}
        case Result.UNKNOWN:
            change |= {"state": State.UNKNOWN}
        case Result.DEFERRED if invitation.tries < RETRIES:
            change |= {"state": State.QUEUED, "send_at": now + timedelta(minutes=2**invitation.tries)}
        case Result.DEFERRED:
            change |= {"state": State.FAILED}
    with transaction.atomic():
        changed = Invitation.objects.filter(pk=invitation.pk, state=State.SENDING).update(**change)
        if outcome.address_refused and invitation.member.email:
            suppress_address(channel="email", address=invitation.member.email, reason=Suppression.Reason.BOUNCED)
        if changed and outcome.result is Result.SENT:
            survey = invitation.survey
            emit(
                [
                    SurveyInvited(
                        member_id=invitation.member_id,
                        survey_id=survey.pk,
                        survey=survey.name,
                        invitation_id=invitation.pk,
                    )
                ]
            )
