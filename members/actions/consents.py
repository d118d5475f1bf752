"""What members allow. Consent is only ever added to; what holds now is what was said last."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from members.actions.events import emit, mark_dirty
from members.events import ConsentChanged
from members.models import Consent, ConsentPurpose, ConsentRecord, ConsentWording, Member
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.tenancy.context import require_tenant

# Of statements made at the same moment a withdrawal counts: rather one message too few.
_RECOMPUTE = """
WITH newest AS (
    SELECT DISTINCT ON (channel, purpose) channel, purpose, granted, at FROM members_consentrecord
    WHERE tenant_id = {tenant} AND member_id = ANY (%(holders)s)
    ORDER BY channel, purpose, at DESC, granted, id DESC
), gone AS (
    DELETE FROM members_consent c WHERE c.tenant_id = {tenant} AND c.member_id = %(member)s
      AND NOT EXISTS (SELECT FROM newest n WHERE n.channel = c.channel AND n.purpose = c.purpose)
)
INSERT INTO members_consent (tenant_id, member_id, channel, purpose, granted, at)
SELECT {tenant}, %(member)s, channel, purpose, granted, at FROM newest
ON CONFLICT (tenant_id, member_id, channel, purpose) DO UPDATE SET granted = excluded.granted, at = excluded.at
"""


def record_consent(
    *,
    member: Member,
    channel: str,
    purpose: str,
    granted: bool,
    source: str,
    wording: str = "",
    at: datetime | None = None,
    proof: str = "",
) -> None:
    """Keep a statement of consent or its withdrawal. One that is older than the newest known does not overrule it."""
    at = at or timezone.now()
    actor = current_actor()
    with transaction.atomic():
        Member.objects.select_for_update().get(pk=member.pk)  # two statements at once: in some order
        register_purpose(key=purpose)
        ConsentRecord.objects.create(
            member=member,
            channel=channel,
            purpose=purpose,
            granted=granted,
            at=at,
            source=source,
            wording=wording,
            recorded_by=actor.label[:200],
            proof=proof,
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


def recompute_consents(*, member_id: int, holders: Collection[int]) -> None:
    """Make a member's consents what the newest records of `holders` say: itself and all who were merged into it.

    Records keep the member they were written with, so this is all that a merge and its undoing have to do.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _RECOMPUTE.format(tenant=require_tenant()), {"member": member_id, "holders": sorted({member_id, *holders})}
        )
        mark_dirty([member_id])


def withdraw_everything(*, member: Member, source: str, proof: str = "") -> int:
    """Withdraw every consent that the member has given; returns how many there were."""
    with transaction.atomic():
        given = list(Consent.objects.select_for_update().filter(member=member, granted=True).order_by("pk"))
        for consent in given:
            record_consent(
                member=member,
                channel=consent.channel,
                purpose=consent.purpose,
                granted=False,
                source=source,
                proof=proof,
            )
    return len(given)


def register_purpose(*, key: str) -> ConsentPurpose:
    """The purpose of that key; made when a consent names it for the first time."""
    name = key.replace("_", " ").capitalize()
    return ConsentPurpose.objects.get_or_create(key=key, defaults={"name_en": name, "name_zh": _CHINESE.get(key, "")})[
        0
    ]


def publish_wording(*, purpose: ConsentPurpose, language: str, text: str) -> ConsentWording:
    """Keep the words as the next version of that purpose and language; earlier ones stay, for they were agreed to."""
    with transaction.atomic():
        ConsentPurpose.objects.select_for_update().get(pk=purpose.pk)
        newest = ConsentWording.objects.filter(purpose=purpose, language=language).order_by("-version").first()
        if newest is not None and newest.text == text:
            return newest
        wording = ConsentWording.objects.create(
            purpose=purpose,
            language=language,
            text=text,
            version=newest.version + 1 if newest else 1,
            created_by=current_actor().label[:200],
        )
        record(verb="consent_wording.publish", target=wording, target_label=wording.reference)
    return wording


_CHINESE = {"marketing": "营销信息", "service": "服务通知", "newsletter": "电子报", "survey": "问卷调查"}
