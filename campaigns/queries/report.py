"""What became of a campaign: who was in the segment, who got the message, what they did."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Delivery, Link, Run
from campaigns.queries.audience import Waterfall, waterfall
from members.queries.merging import history_ids
from urm.lib.statistics import wilson
from urm.tenancy.context import require_tenant

_COUNTS = """
SELECT state, reason, count(*), count(opened_at), count(machine_opened_at) FILTER (WHERE opened_at IS NULL),
       count(clicked_at), count(unsubscribed_at)
FROM campaigns_delivery WHERE tenant_id = %s AND run_id = ANY (%s) GROUP BY state, reason
"""

_CLICKS = """
SELECT link, count(*) FROM campaigns_delivery, unnest(clicked_links) link
WHERE tenant_id = %s AND run_id = ANY (%s) AND clicked_at IS NOT NULL GROUP BY link
"""

DEFINITIONS: dict[str, str | Promise] = {
    "audience": _("Members in the segment when the campaign went out."),
    "sent": _("Messages that a mail server took responsibility for. Whether they reached the inbox is not known."),
    "failed": _("Refused by the mail server for good, not reached in time, or impossible to write."),
    "unknown": _("Handed over, but the answer was lost: they may have arrived. They are not sent again by themselves."),
    "open": _("Wait to be sent, or are being sent."),
    "opened": _(
        "Members whose mail program loaded the message's picture, ÷ sent. Programs that load no pictures hide "
        "openings; evidently automatic loading is counted apart."
    ),
    "machine_opened": _("Members whose message was only opened by a machine (mail privacy proxies, scanners)."),
    "clicked": _("Members who followed at least one link, ÷ sent. Evident scanners are left out."),
    "unsubscribed": _("Members who withdrew their consent through this message, ÷ sent."),
}


@dataclass(frozen=True)
class Rate:
    """`count` of `of`, with the 95 % Wilson interval; the shares are None without a sample."""

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ClickedLink:
    number: int
    url: str
    members: int


@dataclass(frozen=True)
class Report:
    waterfall: Waterfall
    open: int
    sent: int
    failed: int
    unknown: int
    failures: dict[str, int]
    opened: Rate
    machine_opened: int
    clicked: Rate
    unsubscribed: Rate
    links: tuple[ClickedLink, ...]

    @property
    def decided(self) -> int:
        """Members who were to get it."""
        return self.waterfall.reached

    @property
    def done(self) -> int:
        return self.decided - self.open


def rate(count: int, of: int) -> Rate:
    interval = wilson(count, of)
    low, high = interval if interval else (None, None)
    return Rate(count, of, count / of if of else None, low, high)


def report_of(campaign: Campaign) -> Report:
    return report_of_runs(Run.objects.filter(campaign=campaign).values_list("pk", flat=True), campaign)


def report_of_runs(run_ids: Iterable[int], campaign: Campaign | None = None) -> Report:
    """Figures of several runs together; with the campaign, its links too."""
    ids = list(run_ids)
    by_state: dict[str, int] = {}
    skipped: dict[str | None, int] = {}
    failures: dict[str, int] = {}
    opened = machine = clicked = unsubscribed = 0
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [require_tenant(), ids])
        for state, reason, count, opened_here, machine_here, clicked_here, left_here in cursor.fetchall():
            by_state[state] = by_state.get(state, 0) + count
            opened, machine = opened + opened_here, machine + machine_here
            clicked, unsubscribed = clicked + clicked_here, unsubscribed + left_here
            if state == Delivery.State.SKIPPED:
                skipped[reason] = count
            else:
                skipped[None] = skipped.get(None, 0) + count
            if state == Delivery.State.FAILED:
                failures[reason] = count
        cursor.execute(_CLICKS, [require_tenant(), ids])
        clicks = dict(cursor.fetchall())
    links = Link.objects.filter(campaign=campaign).order_by("number") if campaign else ()
    sent = by_state.get(Delivery.State.SENT, 0)
    # Who opens, clicks or leaves has got it, whatever the mail server's answer was.
    reached = max(sent, opened, clicked, unsubscribed)
    return Report(
        waterfall=waterfall(skipped),
        open=sum(by_state.get(state, 0) for state in ("queued", "claimed", "sending")),
        sent=sent,
        failed=by_state.get(Delivery.State.FAILED, 0),
        unknown=by_state.get(Delivery.State.UNKNOWN, 0),
        failures=failures,
        opened=rate(opened, reached),
        machine_opened=machine,
        clicked=rate(clicked, reached),
        unsubscribed=rate(unsubscribed, reached),
        links=tuple(ClickedLink(link.number, link.url, clicks.get(link.number, 0)) for link in links),
    )


@dataclass(frozen=True)
class MemberDelivery:
    """One decision about one member, for the member's page: `state_label` and `reason_label` say why."""

    run: Run
    delivery: Delivery

    @property
    def campaign(self) -> Campaign:
        return self.run.campaign


def deliveries_of_member(member_id: int, *, limit: int = 20) -> list[MemberDelivery]:
    """The newest decisions about a member: one look into the key per run, for deliveries have no index by member."""
    runs = {run.pk: run for run in Run.objects.select_related("campaign").order_by("-started_at")[:200]}
    own = history_ids([member_id])
    found = Delivery.objects.filter(run_id__in=list(runs), member_id__in=own)
    rows = {row.run_id: row for row in sorted(found, key=lambda row: row.member_id == member_id)}
    return [MemberDelivery(run, rows[pk]) for pk, run in runs.items() if pk in rows][:limit]
