"""Writing down what became of deliveries, a chunk at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from campaigns.events import MessageFailed, MessageSent
from campaigns.models import Delivery, Run
from members.actions import emit
from urm.channels.outcome import Outcome, Result
from urm.tenancy.context import require_tenant

# Between tries of what the server refuses for now; after the last one it is given up.
DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6))

State = Delivery.State
Reason = Delivery.Reason

# The ids are given twice: as an array they lead into the key, whatever the planner knows of a run decided just now.
_MARK = """
UPDATE campaigns_delivery d
SET state = r.state, reason = r.reason, detail = r.detail, due_at = r.due_at, attempts = d.attempts + r.tried,
    sent_at = CASE WHEN r.state = 'sent' THEN %(now)s ELSE d.sent_at END
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(reasons)s::text[], %(details)s::text[],
            %(dues)s::timestamptz[], %(tried)s::smallint[]) AS r(member_id, state, reason, detail, due_at, tried)
WHERE d.tenant_id = {tenant} AND d.run_id = %(run)s AND d.member_id = ANY (%(ids)s) AND d.member_id = r.member_id
  AND d.token = %(token)s AND d.state = ANY (%(from_states)s)
RETURNING d.member_id, d.state, d.reason
"""


@dataclass(frozen=True, slots=True)
class Mark:
    member_id: int
    state: str
    reason: str | None = None
    detail: str | None = None
    due_at: datetime | None = None
    tried: bool = False


def mark_of(member_id: int, outcome: Outcome, *, attempts: int) -> Mark:
    """`attempts`: how many tries there were, this one included."""
    detail = outcome.detail or None
    match outcome.result:
        case Result.SENT:
            return Mark(member_id, State.SENT, tried=True)
        case Result.REFUSED:
            return Mark(member_id, State.FAILED, Reason.REFUSED, detail, tried=True)
        case Result.UNKNOWN:
            return Mark(member_id, State.UNKNOWN, None, detail, tried=True)
        case Result.UNTRIED:
            return back_to_queue(member_id, detail)
        case Result.DEFERRED:
            if attempts > len(DELAYS):
                return Mark(member_id, State.FAILED, Reason.GAVE_UP, detail, tried=True)
            return Mark(member_id, State.QUEUED, None, detail, timezone.now() + DELAYS[attempts - 1], tried=True)


def back_to_queue(member_id: int, detail: str | None = None) -> Mark:
    return Mark(member_id, State.QUEUED, None, detail, timezone.now())


def skip(member_id: int, reason: str) -> Mark:
    return Mark(member_id, State.SKIPPED, reason)


def failure(member_id: int, reason: str, detail: str) -> Mark:
    return Mark(member_id, State.FAILED, reason, detail[:300])


def apply_marks(*, run: Run, channel: str, token: int, marks: Sequence[Mark], from_states: Sequence[str]) -> None:
    """Write marks and the events that follow from them, in the caller's transaction. Only the claim's token may."""
    if not marks:
        return
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _MARK.format(tenant=require_tenant()),
            {
                "run": run.pk,
                "token": token,
                "now": now,
                "from_states": [str(state) for state in from_states],
                "ids": [mark.member_id for mark in marks],
                "states": [str(mark.state) for mark in marks],
                "reasons": [str(mark.reason) if mark.reason else None for mark in marks],
                "details": [mark.detail for mark in marks],
                "dues": [mark.due_at for mark in marks],
                "tried": [int(mark.tried) for mark in marks],
            },
        )
        written = cursor.fetchall()
    campaign = run.campaign_id
    emit(
        MessageSent(member_id=member_id, campaign=campaign, channel=channel)
        if state == State.SENT
        else MessageFailed(member_id=member_id, campaign=campaign, channel=channel, reason=reason)
        for member_id, state, reason in written
        if state in (State.SENT, State.FAILED)
    )
