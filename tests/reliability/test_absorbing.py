"""Workers killed, wake-ups lost, tasks delivered many times: every accepted event has its effect exactly once."""

from __future__ import annotations

import time

from celery import Celery
from django.db import connection, connections
from django.db.models import Count, Sum

from loyalty.actions import save_programme
from loyalty.models import Account, Transfer
from members.models import DailyCount, Event, EventKey, InboxEntry, Member
from tests.reliability.conftest import Programs, Valkey, eventually, post
from urm.tenancy.models import Tenant
from urm.tenancy.work import wake

WITHIN = 90.0


def is_absorbing() -> bool:
    """Whether some other connection is inside the absorber's transaction right now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND state = 'active' AND query LIKE '%%absorb_item%%'"
        )
        return bool(cursor.fetchone()[0])


def everything_is_worked_off(events: int) -> bool:
    """The inbox is empty, the platform's own events included, and every purchase has its point."""
    if InboxEntry.objects.exists():
        return False
    return (Account.objects.filter(kind="member").aggregate(points=Sum("balance"))["points"] or 0) == events


def assert_exactly_once(events: int, members: int) -> None:
    purchases = Event.objects.exclude(amount=None)
    assert purchases.count() == events
    assert EventKey.objects.count() == events
    assert Member.objects.count() == members
    assert DailyCount.objects.exclude(amount_sum=None).aggregate(Sum("count"), Sum("amount_sum")) == {
        "count__sum": events,
        "amount_sum__sum": events,
    }
    assert Transfer.objects.count() == events
    twice = Transfer.objects.values("event_id").annotate(times=Count("id")).filter(times__gt=1)
    assert list(twice) == []


def test_worker_killed_while_absorbing_loses_nothing_and_does_nothing_twice(programs: Programs, shop: Tenant) -> None:
    save_programme(name="Points", points_per_unit=1)
    post(range(60_000))
    programs.dispatcher()
    kills = 0
    for _ in range(4):
        worker = programs.worker()
        eventually(is_absorbing, WITHIN, programs.logs)
        programs.kill(worker)
        kills += 1
        connections.close_all()
    left = InboxEntry.objects.count()
    programs.worker()
    eventually(lambda: everything_is_worked_off(60_000), WITHIN, programs.logs)
    assert (kills, left > 0) == (4, True)
    assert_exactly_once(60_000, 500)


def test_queue_that_was_flushed_is_worked_off_all_the_same(programs: Programs, valkey: Valkey, shop: Tenant) -> None:
    save_programme(name="Points", points_per_unit=1)
    dispatcher = programs.dispatcher()
    post(range(5000))
    eventually(lambda: int(valkey.ask("LLEN stream").rpartition(":")[2] or 0) > 0, WITHIN, programs.logs)
    programs.kill(dispatcher)
    assert "OK" in valkey.ask("FLUSHALL").rpartition("+")[2]
    programs.dispatcher()
    programs.worker()
    eventually(lambda: everything_is_worked_off(5000), WITHIN, programs.logs)
    assert_exactly_once(5000, 500)


def test_tasks_delivered_many_times_and_two_dispatchers_have_no_second_effect(
    programs: Programs, valkey: Valkey, shop: Tenant
) -> None:
    save_programme(name="Points", points_per_unit=1)
    post(range(10_000))
    broker = Celery(broker=valkey.url)
    for _ in range(30):
        broker.send_task("urm.work", (shop.pk, "stream"), queue="stream")
    programs.dispatcher()
    programs.dispatcher()
    programs.worker()
    programs.worker()
    for start in range(10_000, 20_000, 1000):
        post(range(start, start + 1000))
        wake("stream")
        time.sleep(0.05)
    eventually(lambda: everything_is_worked_off(20_000), WITHIN, programs.logs)
    assert_exactly_once(20_000, 500)
    broker.close()
