"""Campaigns while workers are killed, launches pressed many times and schedulers doubled: each member at most once, and
nobody lost.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.utils import timezone

from campaigns.actions.campaigns import launch_campaign, moment_of, schedule_campaign
from campaigns.actions.runs import start_due_run
from campaigns.actions.sending import CHUNK
from campaigns.models import Campaign, Delivery, Run
from tests.campaigns.conftest import make_campaign, make_segment
from tests.channels.smtp_server import Taken, smtp_server
from tests.conftest import make_tenant
from tests.reliability.conftest import Programs, eventually
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

WITHIN = 90.0

_CROWD = """
WITH m AS (
    INSERT INTO members_member (tenant_id, external_id, email, first_name, attributes, first_seen_at, created_at,
                                updated_at)
    SELECT {t}, 'm-' || g, 'ok' || g || '@example.com', 'Name' || g, '{{}}', now(), now(), now()
    FROM generate_series(1, {n}) g RETURNING id
), s AS (
    INSERT INTO members_memberstate (tenant_id, member_id, segment_ids, tag_ids)
    SELECT {t}, id, '{{{s}}}', '{{}}' FROM m
), l AS (
    INSERT INTO segments_staticmember (tenant_id, segment_id, member_id, added_at, added_by)
    SELECT {t}, {s}, id, now(), 'test' FROM m
)
INSERT INTO members_consent (tenant_id, member_id, channel, purpose, granted, at)
SELECT {t}, id, 'email', 'marketing', true, now() FROM m
"""


def crowd(tenant: Tenant, count: int) -> Campaign:
    segment = make_segment()
    with connection.cursor() as cursor:
        cursor.execute(_CROWD.format(t=tenant.pk, s=segment.pk, n=count))
    return make_campaign(segment)


def states() -> Counter[str]:
    return Counter(Delivery.objects.filter(run_id=Run.objects.get().pk).values_list("state", flat=True))


def nobody_else_works() -> bool:
    """Whether the database has noticed that a killed worker's connections are gone (the dispatcher's stays)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND query LIKE '%%campaigns_%%'"
        )
        return bool(cursor.fetchone()[0] == 0)


@pytest.fixture
def server() -> Iterator[Taken]:
    with smtp_server() as taken:
        yield taken


def test_worker_killed_while_sending_loses_nobody_and_writes_to_nobody_twice(
    programs: Programs, shop: Tenant, server: Taken
) -> None:
    """Killed with -9 five times in the middle. Leases are then ended by hand, for nobody wants to wait ten minutes."""
    programs.env["EMAIL_URL"] = f"smtp://127.0.0.1:{server.port}"
    count, kills, in_flight = 4000, 0, 0
    launch_campaign(campaign=crowd(shop, count))
    programs.dispatcher()
    for _turn in range(5):
        before = len(server.mails)
        worker = programs.worker()
        eventually(lambda before=before: len(server.mails) > before + 120, WITHIN, programs.logs)  # type: ignore[misc]
        programs.kill(worker)
        kills += 1
        connections.close_all()
        eventually(nobody_else_works, WITHIN)
        in_flight += states()["sending"]
        Delivery.objects.filter(state__in=["claimed", "sending"]).update(due_at=timezone.now())
    assert len(server.mails) < count
    programs.worker()
    eventually(lambda: states()["sent"] + states()["unknown"] == count, WITHIN, lambda: str(states()))
    eventually(lambda: Campaign.objects.get().state == "done", WITHIN, programs.logs)
    arrived = Counter(server.recipients)
    assert (kills, max(arrived.values())) == (5, 1)  # nobody twice
    unknown = states()["unknown"]
    assert states()["sent"] <= len(arrived) <= states()["sent"] + unknown
    assert (
        unknown == in_flight <= kills * 2 * CHUNK
    )  # of two processes each time; nobody lost: who is not "sent" is shown as "unknown"
    assert unknown > 0  # the kills did hit the middle


@contextmanager
def committed_tenant() -> Iterator[Tenant]:
    tenant = make_tenant("shop", time_zone="America/New_York")
    with tenant_context(tenant.pk):
        yield tenant


def at_once(tenant: Tenant, times: int, work: Callable[[], Any]) -> list[Any]:
    """What each of so many threads got, exceptions included; all start together."""
    start = threading.Barrier(times)
    got: list[Any] = []

    def run() -> None:
        with tenant_context(tenant.pk):
            start.wait()
            try:
                got.append(work())
            except Exception as error:
                got.append(error)
            finally:
                connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_launch_pressed_twenty_times_at_once_launches_once(committed_db: None) -> None:
    with committed_tenant() as tenant:
        campaign = crowd(tenant, 50)
        got = at_once(tenant, 20, lambda: launch_campaign(campaign=Campaign.objects.get(pk=campaign.pk)))
        refused = [error for error in got if isinstance(error, ValidationError) and error.code == "not_a_draft"]
        assert (len(got), len(refused)) == (20, 19)
        assert at_once(tenant, 8, start_due_run).count(True) >= 1
        assert Run.objects.count() == 1
        assert states() == {"queued": 50}


@pytest.mark.parametrize(
    ("local_time", "utc"),
    [
        ("2026-03-08T02:30", "2026-03-08T07:30:00+00:00"),  # left out in New York: 3:30 summer time
        ("2026-11-01T01:30", "2026-11-01T05:30:00+00:00"),  # twice in New York: the first time
    ],
)
def test_two_schedulers_fire_once_in_nights_when_clocks_change(
    committed_db: None, local_time: str, utc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = moment_of(local_time, "America/New_York")
    assert at.isoformat() == utc
    with committed_tenant() as tenant:
        campaign = crowd(tenant, 20)
        monkeypatch.setattr(timezone, "now", lambda: at - timedelta(hours=5))
        schedule_campaign(campaign=campaign, local_time=local_time, time_zone="America/New_York")
        assert not start_due_run()
        for later in (timedelta(), timedelta(hours=1), timedelta(hours=2)):
            monkeypatch.setattr(timezone, "now", lambda later=later: at + later)
            at_once(tenant, 2, start_due_run)
        assert [(run.fire_at, run.audience) for run in Run.objects.all()] == [(at, 20)]
        assert states() == {"queued": 20}
