"""Who may be asked."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Min, Q

from feedback.models import Invitation, Response, Survey
from members.models import Member
from members.queries.permission import obstacles


def reachable_by_email(member_ids: Collection[int], *, purpose: str) -> set[int]:
    """Those with an address, consent for the purpose, and no entry on the suppression list."""
    return set(member_ids) - obstacles(member_ids, channel="email", purpose=purpose).keys()


def resting(member_ids: Collection[int], *, survey: Survey, now: datetime) -> set[int]:
    """Those whom any survey invited within this survey's rest period, under whichever number they were known then."""
    merged = Member.objects.filter(merged_into__in=member_ids).values_list("pk", "merged_into_id")
    survivors: dict[int, int] = {pk: survivor for pk, survivor in merged if survivor is not None}
    invited = (
        Invitation.objects.filter(
            member__in=[*member_ids, *survivors], created_at__gt=now - timedelta(days=survey.rest_days)
        )
        .exclude(state__in=[Invitation.State.SKIPPED, Invitation.State.FAILED])
        .values_list("member_id", flat=True)
    )
    return {survivors.get(pk, pk) for pk in invited}


def quota_is_full(survey: Survey) -> bool:
    return survey.quota is not None and Response.objects.filter(survey=survey).count() >= survey.quota


def next_invitation() -> datetime | None:
    """When the next invitation is to be sent, or a lease runs out."""
    open_ = Invitation.objects.filter(state__in=["queued", "claimed", "sending"])
    moments = open_.aggregate(queued=Min("send_at", filter=Q(state="queued")), lease=Min("lease_until")).values()
    return min((moment for moment in moments if moment is not None), default=None)
