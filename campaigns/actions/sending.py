"""Handing deliveries over: claim, render, fence, send, mark. No transaction is open while the mail server is spoken to.

    queued ──claim──▶ claimed ──fence──▶ sending ──mark──▶ sent | failed | unknown | queued again
       ◀──lease ended──┘                    └──lease ended──▶ unknown

A claim is a lease with a token: only who claimed can mark. The fence looks at consent, suppression and the campaign's
state once more. What died before the fence is sent by the next worker; what died behind it may have arrived, so it
becomes unknown and waits for staff: rather one mail too few than one too many.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone, translation

from campaigns.actions import marking
from campaigns.models import Campaign, Delivery, Run
from campaigns.queries.content import Content, prepare
from campaigns.queries.recipients import shared_values
from campaigns.queries.rendering import delivery_token, message_id, render
from members.actions import suppress_address
from members.models import Suppression
from members.queries.permission import obstacles
from urm.channels.email import InvalidAddressError, Mail, Skeleton, SmtpSession, sender_of
from urm.channels.outcome import Result
from urm.channels.templating import TemplateError
from urm.channels.variables import load_values
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

BATCH = 500  # claimed at once
CHUNK = 50  # fenced at once: at most so many become unknown when a worker is killed
LEASE = timedelta(minutes=10)
SECONDS = 15.0  # for one batch; what is left then goes back
PAUSE_WITHOUT_SERVER = timedelta(seconds=20)

State = Delivery.State

# As an array the inner query is run once; joined, it may be run again for each row and so exceed its limit.
_CLAIM = """
UPDATE campaigns_delivery d SET state = 'claimed', token = %(token)s, due_at = %(until)s
WHERE d.tenant_id = {tenant} AND d.run_id = %(run)s AND d.member_id = ANY (ARRAY(
    SELECT member_id FROM campaigns_delivery
    WHERE tenant_id = {tenant} AND run_id = %(run)s AND state = 'queued' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
RETURNING d.member_id, d.attempts
"""

_FENCE = """
UPDATE campaigns_delivery d SET state = 'sending', due_at = %(until)s
WHERE d.tenant_id = {tenant} AND d.run_id = %(run)s AND d.member_id = ANY (%(ids)s)
  AND d.state = 'claimed' AND d.token = %(token)s
  AND EXISTS (SELECT FROM campaigns_campaign k
              WHERE k.tenant_id = {tenant} AND k.id = %(campaign)s AND k.state = 'running')
RETURNING d.member_id
"""


@dataclass(frozen=True)
class _Batch:
    """What a worker has claimed of a run. `attempts`: tries so far, by member."""

    run: Run
    campaign: Campaign
    content: Content
    skeleton: Skeleton
    shared: Mapping[str, Any]
    token: int
    attempts: Mapping[int, int]
    zone: ZoneInfo
    language: str

    def parameters(self, **more: Any) -> dict[str, Any]:
        return {
            "run": self.run.pk,
            "campaign": self.campaign.pk,
            "channel": self.campaign.channel,
            "purpose": self.campaign.purpose,
            "token": self.token,
            "now": timezone.now(),
            "until": timezone.now() + LEASE,
            **more,
        }


class Sent(Enum):
    BATCH = "batch"  # there may be more
    NOTHING = "nothing"  # nothing was due
    UNREACHABLE = "unreachable"  # the mail server was, or took too long: later again


def send_batch(run: Run) -> Sent:
    """Claim and send one batch of a run."""
    campaign = run.campaign
    token = secrets.randbits(62)
    now = timezone.now()
    claimed = _fetch(_CLAIM, {"run": run.pk, "token": token, "until": now + LEASE, "now": now, "limit": BATCH})
    if not claimed:
        return Sent.NOTHING
    tenant = Tenant.objects.get(pk=require_tenant())
    content = prepare(campaign.message, tracked=True)
    batch = _Batch(
        run=run,
        campaign=campaign,
        content=content,
        skeleton=Skeleton(
            sender=sender_of(campaign.message.sender_name or tenant.name), mostly_ascii=content.mostly_ascii
        ),
        shared=shared_values(campaign, run.propositions),
        token=token,
        attempts=dict(claimed),
        zone=tenant.zone,
        language=tenant.language,
    )
    with SmtpSession.configured() as session:
        reached = _send(batch, session, until=time.monotonic() + SECONDS)
    return Sent.BATCH if reached else Sent.UNREACHABLE


def _send(batch: _Batch, session: SmtpSession, *, until: float) -> bool:
    """All chunks of a batch; what became of one is marked in the transaction that fences the next."""
    marks: list[marking.Mark] = []
    bounced: list[str] = []
    waiting = list(batch.attempts)
    with transaction.atomic():  # one round of SET LOCAL for all reads
        values = load_values(batch.content.paths | {"member"}, waiting)
    reached = True
    while waiting and reached and time.monotonic() < until:
        chunk, waiting = waiting[:CHUNK], waiting[CHUNK:]
        mails, unusable = _render(batch, {member_id: values[member_id] for member_id in chunk})
        with transaction.atomic():
            _mark(batch, marks)
            marks = []
            _mark(batch, unusable, claimed=True)
            useless = {mark.member_id for mark in unusable}
            fenced = _raise_fence(batch, [member_id for member_id in chunk if member_id not in useless], mails)
        for member_id, outcome in zip(
            fenced, session.deliver([mails[member_id] for member_id in fenced], until=until), strict=True
        ):
            marks.append(marking.mark_of(member_id, outcome, attempts=batch.attempts[member_id] + 1))
            if outcome.address_refused:
                bounced.append(values[member_id]["member"]["email"])
            reached = reached and outcome.result is not Result.UNTRIED
    with transaction.atomic():
        _mark(batch, marks)
        for address in bounced:  # no message will ever reach it
            suppress_address(channel=batch.campaign.channel, address=address, reason=Suppression.Reason.BOUNCED)
        _mark(batch, [marking.back_to_queue(member_id) for member_id in waiting], claimed=True)
    return reached


def _render(batch: _Batch, values: Mapping[int, Mapping[str, Any]]) -> tuple[dict[int, Mail], list[marking.Mark]]:
    """Mails by member, and marks for those whose message cannot be made; members without an address are in neither."""
    mails: dict[int, Mail] = {}
    unusable: list[marking.Mark] = []
    with translation.override(batch.language), timezone.override(batch.zone):
        for member_id, value in values.items():
            member = value.get("member") or {}
            if not member.get("email"):
                continue
            try:
                rendered = render(
                    batch.content,
                    token=delivery_token(batch.run.pk, member_id),
                    member_id=member_id,
                    shared=batch.shared,
                    values=value,
                )
                mails[member_id] = batch.skeleton.fill(
                    recipient=(member["name"], member["email"]),
                    subject=rendered.subject,
                    text=rendered.text,
                    html=rendered.html,
                    message_id=message_id(batch.run.pk, member_id),
                    unsubscribe_url=rendered.unsubscribe_url,
                )
            except InvalidAddressError as error:
                unusable.append(marking.failure(member_id, Delivery.Reason.BAD_ADDRESS, str(error)))
            except TemplateError as error:
                unusable.append(marking.failure(member_id, Delivery.Reason.TEMPLATE, str(error)))
    return mails, unusable


def _raise_fence(batch: _Batch, member_ids: Sequence[int], mails: Mapping[int, Mail]) -> list[int]:
    """Those that may be handed over now, in the order given; the others leave the claim."""
    reasons = obstacles(member_ids, channel=batch.campaign.channel, purpose=batch.campaign.purpose)
    clear = [member_id for member_id in member_ids if member_id in mails and member_id not in reasons]
    fenced = {member_id for (member_id,) in _fetch(_FENCE, batch.parameters(ids=clear))}
    _mark(
        batch,
        [
            # Without an obstacle it is the campaign that no longer runs.
            marking.skip(member_id, reasons[member_id]) if member_id in reasons else marking.back_to_queue(member_id)
            for member_id in member_ids
            if member_id not in fenced
        ],
        claimed=True,
    )
    return [member_id for member_id in clear if member_id in fenced]


def _mark(batch: _Batch, marks: Sequence[marking.Mark], *, claimed: bool = False) -> None:
    marking.apply_marks(
        run=batch.run,
        channel=batch.campaign.channel,
        token=batch.token,
        marks=marks,
        # A lease may have ended while a slow server was answering: the answer knows better than "unknown".
        from_states=[State.CLAIMED] if claimed else [State.SENDING, State.UNKNOWN],
    )


def _fetch(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(tenant=require_tenant()), parameters)
        return list(cursor.fetchall())
