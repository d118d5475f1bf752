"""What members allow. Consent is only ever added to; what holds now is what was said last."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from members.actions.events import emit, mark_dirty
from members.events import ConsentChanged
from members.models import Consent, ConsentRecord, Member, Suppression
from urm.audit.actions import record
from urm.audit.actor import current_actor


def record_consent(
    *,
    member: Member,
    channel: str,
    purpose: str,
    granted: bool,
    source: str,
    wording: str = "",
    at: datetime | None = None,
) -> None:
    """Keep a statement of consent or its withdrawal. One that is older than the newest known does not overrule it."""
    at = at or timezone.now()
    actor = current_actor()
    with transaction.atomic():
        Member.objects.select_for_update().get(pk=member.pk)  # two statements at once: in some order
        ConsentRecord.objects.create(
            member=member,
            channel=channel,
            purpose=purpose,
            granted=granted,
            at=at,
            source=source,
            wording=wording,
            recorded_by=actor.label,
        )
        consent, created = Consent.objects.get_or_create(
            member=member, channel=channel, purpose=purpose, defaults={"granted": granted, "at": at}
        )
        if not created and at < consent.at:
            return
        if created or consent.granted != granted:
            emit(
                [ConsentChanged(member_id=member.pk, channel=channel, purpose=purpose, granted=granted, source=source)]
            )
            mark_dirty([member.pk])
        consent.granted, consent.at = granted, at
        consent.save(update_fields=["granted", "at"])
        if actor.kind == "staff":
            record(
                verb="member.consent",
                target=member,
                target_label=f"#{member.pk}",
                after={"channel": channel, "purpose": purpose, "granted": granted},
            )


def suppress_address(*, channel: str, address: str, reason: str) -> None:
    """Never write to this address again, whatever is consented. Doing it twice changes nothing."""
    with transaction.atomic():
        row, created = Suppression.objects.get_or_create(
            channel=channel, address=address.strip().lower(), defaults={"reason": reason}
        )
        if created:
            mark_dirty(Member.objects.filter(**{_FIELD[channel]: row.address}).values_list("pk", flat=True))
            record(verb="suppression.add", target=row, target_label=channel, after={"reason": reason})


def lift_suppression(*, suppression: Suppression) -> None:
    with transaction.atomic():
        record(verb="suppression.lift", target=suppression, target_label=suppression.channel)
        mark_dirty(
            Member.objects.filter(**{_FIELD[suppression.channel]: suppression.address}).values_list("pk", flat=True)
        )
        suppression.delete()


# Where a member's address of a channel stands.
_FIELD = {"email": "email", "sms": "phone"}
