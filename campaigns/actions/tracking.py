"""What members do with a message: open, click, leave. Each is written to the delivery and into the log, once."""

import re

from django.db import connection, transaction
from django.utils import timezone

from campaigns.events import MessageClicked, MessageOpened, MessageUnsubscribed
from campaigns.models import Delivery, Link, Run
from members.actions import emit, record_consent
from members.models import Member
from urm.audit.actor import Actor, acting_as
from urm.tenancy.context import require_tenant

# Fetchers that load pictures or follow links before any person has looked. Apple's mail privacy proxy says only
# "Mozilla/5.0"; Gmail's proxy is not among them, for it fetches when the message is opened.
_MACHINE = re.compile(
    r"^mozilla/5\.0$|bot\b|crawl|spider|preview|scan|proofpoint|barracuda|mimecast|symantec|trend ?micro|safelinks|"
    r"^(python|curl|wget|go-http|java|okhttp|libwww|apache-httpclient|headless)|headlesschrome|facebookexternalhit",
    re.IGNORECASE,
)

_CLICK = """
UPDATE campaigns_delivery
SET clicked_at = coalesce(clicked_at, %(now)s), clicked_links = coalesce(clicked_links, '{{}}') || %(link)s::smallint
WHERE tenant_id = {tenant} AND run_id = %(run)s AND member_id = %(member)s
  AND NOT coalesce(clicked_links @> ARRAY[%(link)s]::smallint[], false)
"""


def is_machine(user_agent: str) -> bool:
    """Whether evidently no person sent the request."""
    return not user_agent or _MACHINE.search(user_agent) is not None


def handed_over(run_id: int, member_id: int) -> bool:
    """Whether this delivery may have reached the member; only then do its public addresses exist."""
    return (
        Delivery.objects.filter(run_id=run_id, member_id=member_id)
        .exclude(state__in=[Delivery.State.QUEUED, Delivery.State.CLAIMED, Delivery.State.SKIPPED])
        .exists()
    )


def record_open(*, run_id: int, member_id: int, machine: bool) -> None:
    """Note the first opening by a person, and apart from it the first by a machine."""
    field = "machine_opened_at" if machine else "opened_at"
    with transaction.atomic():
        first = Delivery.objects.filter(run_id=run_id, member_id=member_id, **{f"{field}__isnull": True}).update(
            **{field: timezone.now()}
        )
        if first:
            run = _run(run_id)
            emit(
                [
                    MessageOpened(
                        member_id=member_id, campaign=run.campaign_id, channel=run.campaign.channel, machine=machine
                    )
                ]
            )


def target_of(*, run_id: int, number: int) -> str | None:
    """Where a click address leads: a link of the run's own campaign, or nowhere."""
    return Link.objects.filter(campaign__runs=run_id, number=number).values_list("url", flat=True).first()


def record_click(*, run_id: int, member_id: int, number: int, url: str) -> None:
    """Note the first click on each link."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _CLICK.format(tenant=require_tenant()),
            {"run": run_id, "member": member_id, "link": number, "now": timezone.now()},
        )
        if cursor.rowcount:
            run = _run(run_id)
            emit(
                [
                    MessageClicked(
                        member_id=member_id,
                        campaign=run.campaign_id,
                        channel=run.campaign.channel,
                        link=number,
                        url=url[:500],
                    )
                ]
            )


def unsubscribe(*, run_id: int, member_id: int) -> None:
    """Withdraw the consent that the message was sent by. Doing it twice adds nothing; a merged member's heir counts."""
    run = _run(run_id)
    campaign = run.campaign
    member = Member.objects.select_related("merged_into").get(pk=member_id)
    with acting_as(Actor("member", member_id, f"#{member_id}")), transaction.atomic():
        first = Delivery.objects.filter(run_id=run_id, member_id=member_id, unsubscribed_at=None).update(
            unsubscribed_at=timezone.now()
        )
        for person in (member, member.merged_into):
            if person is not None and (first or _consents(person, campaign.channel, campaign.purpose)):
                record_consent(
                    member=person,
                    channel=campaign.channel,
                    purpose=campaign.purpose,
                    granted=False,
                    source=f"unsubscribe: campaign {campaign.pk}",
                )
        if first:
            emit(
                [
                    MessageUnsubscribed(
                        member_id=member_id, campaign=campaign.pk, channel=campaign.channel, purpose=campaign.purpose
                    )
                ]
            )


def _consents(member: Member, channel: str, purpose: str) -> bool:
    return member.consents.filter(channel=channel, purpose=purpose, granted=True).exists()


def _run(run_id: int) -> Run:
    return Run.objects.select_related("campaign").get(pk=run_id)
