"""Step 2: baskets and coupon redemptions through the front door — and all of it a second time, changing nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from deploy.demo.report import Bar, Outcome
from deploy.demo.run import Run
from deploy.demo.workspaces import Workspace
from members.actions import accept_events, canonical_event
from members.models import Cursor, ParkedEvent

TITLE = "2 Purchases and coupons, twice"
REQUEST = 1000  # events in one request: what the API takes at most
DIGEST_AT = 20  # requests before the absorber has its turn, as if a worker ran beside


def run(run: Run, bar: Bar, outcome: Outcome) -> None:
    total = 0
    for workspace in run.workspaces:
        sent = _send_all(run, workspace, bar, "sending")
        first = _figures(workspace)
        _send_all(run, workspace, bar, "sending again")
        second = _figures(workspace)
        total += sent
        _check(run, workspace, outcome, first)
        slug = workspace.tenant.slug
        outcome.equal(f"{slug}: sent again, nothing changed", second["log"], first["log"])
        outcome.equal(f"{slug}: duplicates counted", second["duplicates"] - first["duplicates"], sent)
    outcome.count = f"{total:,} events, each sent twice"


def _send_all(run: Run, workspace: Workspace, bar: Bar, what: str) -> int:
    """Post everything in requests of 1,000; returns how many events."""
    expected = run.expected(workspace)
    total = expected.one("SELECT (SELECT count(*) FROM purchase) + (SELECT count(*) FROM coupon)")
    sent = 0
    with workspace.entered():
        for number, request in enumerate(_requests(_events(run, workspace)), 1):
            now = datetime.now(UTC)
            accept_events([canonical_event(event, trusted=True, now=now) for event in request])
            sent += len(request)
            if number % DIGEST_AT == 0:
                run.work_off(workspace)
            bar.show(f"{workspace.tenant.slug}: {what}", sent, total)
        bar.show(f"{workspace.tenant.slug}: working off", sent, total, force=True)
        run.work_off(workspace)
    return sent


def _events(run: Run, workspace: Workspace) -> Iterator[dict[str, Any]]:
    """As a shop would post them."""
    for basket in run.source.baskets(workspace.households):
        yield {
            "event_id": f"basket-{basket.id}",
            "external_id": str(basket.household),
            "name": "purchase",
            "occurred_at": basket.at.isoformat(),
            "amount": str(basket.amount),
            "properties": {"basket_id": str(basket.id), "store_id": basket.store, **basket.lines},
        }
    for redemption in run.source.redemptions(workspace.households):
        yield {
            "event_id": f"redemption-{redemption.number}",
            "external_id": str(redemption.household),
            "name": "coupon_redeemed",
            "occurred_at": redemption.at.isoformat(),
            "properties": {"coupon": str(redemption.coupon), "campaign": redemption.campaign},
        }


def _requests(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    request: list[dict[str, Any]] = []
    for event in events:
        request.append(event)
        if len(request) == REQUEST:
            yield request
            request = []
    if request:
        yield request


_PER_NAME = """
SELECT n.name, count(*), coalesce(sum(e.amount), 0), count(*) FILTER (WHERE e.amount = 0), min(e.occurred_at),
       max(e.occurred_at), sum(jsonb_array_length(e.properties -> 'product_ids'))
FROM members_event e JOIN members_eventname n ON n.tenant_id = %(tenant)s AND n.id = e.name_id
WHERE e.tenant_id = %(tenant)s AND NOT n.platform GROUP BY 1 ORDER BY 1
"""
_PER_MEMBER = """
SELECT m.external_id, sum(d.count), sum(d.amount_sum)
FROM members_daily d JOIN members_member m ON m.tenant_id = %(tenant)s AND m.id = d.member_id
JOIN members_eventname n ON n.tenant_id = %(tenant)s AND n.id = d.name_id
WHERE d.tenant_id = %(tenant)s AND n.name = 'purchase' GROUP BY 1
"""
_DAYS = """
SELECT count(*) FROM members_daily d JOIN members_eventname n ON n.tenant_id = %(tenant)s AND n.id = d.name_id
WHERE d.tenant_id = %(tenant)s AND n.name = 'purchase'
"""


def _figures(workspace: Workspace) -> dict[str, Any]:
    tenant = {"tenant": workspace.tenant.pk}
    with workspace.entered(), connection.cursor() as cursor:
        cursor.execute(_PER_NAME, tenant)
        log = cursor.fetchall()
        cursor.execute(_PER_MEMBER, tenant)
        members = {external_id: (int(count), int(amount * 100)) for external_id, count, amount in cursor.fetchall()}
        cursor.execute(_DAYS, tenant)
        [days] = cursor.fetchone()
        return {
            "log": (log, members, days),
            "duplicates": Cursor.objects.get(consumer="absorb").duplicates,
            "parked": ParkedEvent.objects.count(),
        }


def _check(run: Run, workspace: Workspace, outcome: Outcome, figures: dict[str, Any]) -> None:
    expected = run.expected(workspace)
    slug = workspace.tenant.slug
    log, members, days = figures["log"]
    (_, coupons, _, _, first_coupon, last_coupon, _), (_, baskets, amount, zeros, first, last, lines) = (
        log if len(log) == 2 else ((None, 0, 0, 0, None, None, 0), *log)
    )
    outcome.equal(
        f"{slug}: baskets, cents, baskets of 0, first, last",
        (baskets, int(amount * 100), zeros, first, last),
        expected.one(
            "SELECT count(*), sum(cents)::BIGINT, count(*) FILTER (cents = 0), min(moment), max(moment) FROM purchase"
        ),
    )
    outcome.equal(f"{slug}: lines", int(lines), expected.one("SELECT sum(lines)::BIGINT FROM purchase"))
    outcome.equal(
        f"{slug}: coupons, first, last",
        (coupons, first_coupon, last_coupon),
        expected.one("SELECT count(*), min(moment), max(moment) FROM coupon"),
    )
    outcome.equal(
        f"{slug}: baskets and cents of each member",
        members,
        {
            str(household): (count, cents)
            for household, count, cents in expected.rows(
                "SELECT household, count(*), sum(cents)::BIGINT FROM purchase GROUP BY 1"
            )
        },
    )
    outcome.equal(
        f"{slug}: shopping days in local time",
        days,
        expected.one(
            f"SELECT count(DISTINCT (household, (moment AT TIME ZONE '{expected.zone}')::DATE)) FROM purchase"
        ),
    )
    outcome.equal(f"{slug}: parked events", figures["parked"], 0)
