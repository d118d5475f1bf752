"""What members decide for themselves in the preference centre."""

from collections.abc import Collection

from django.db import transaction

from members.actions.consents import record_consent, withdraw_everything
from members.models import Member
from members.queries.preferences import preferences
from urm.audit.actor import Actor, acting_as

SOURCE = "preference centre"
PROOF = "the member's own link"


def choose_preferences(*, member: Member, shown: Collection[str], chosen: Collection[str], language: str) -> int:
    """Record what differs from what was said so far, among the choices that were shown; returns how many.

    Names are those of `preferences`: `email.marketing`. Anything else is passed over.
    """
    changed = 0
    with acting_as(Actor("member", member.pk, f"#{member.pk}")), transaction.atomic():
        Member.objects.select_for_update().get(pk=member.pk)
        for asked in preferences(member, language):
            for choice in asked.choices:
                granted = choice.name in chosen
                if choice.name not in shown or granted == choice.granted:
                    continue
                record_consent(
                    member=member,
                    channel=choice.channel,
                    purpose=asked.purpose.key,
                    granted=granted,
                    source=SOURCE,
                    wording=asked.wording.reference if asked.wording else "",
                    proof=PROOF,
                )
                changed += 1
    return changed


def leave_everything(*, member: Member) -> int:
    """Withdraw all consents; returns how many there were."""
    with acting_as(Actor("member", member.pk, f"#{member.pk}")):
        return withdraw_everything(member=member, source=SOURCE, proof=PROOF)
