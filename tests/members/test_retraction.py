"""Deleted and corrected events: nothing made from them is left, and what comes late lands where it belongs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from members.actions import (
    UnknownEventError,
    accept_events,
    canonical_event,
    correct_event,
    delete_event,
    merge_members,
)
from members.consumers.absorb import absorb
from members.models import DailyCount, DirtyMember, Event, EventName, Member, RetractedEvent
from members.queries import timeline
from urm.audit.models import AuditEntry
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def buy(event_id: str, amount: float, at: str = "2026-03-01T20:00:00Z", external_id: str = "c-1", **more: Any) -> None:
    event = {"name": "purchase", "event_id": event_id, "external_id": external_id, "amount": amount, "occurred_at": at}
    accept_events([canonical_event({**event, **more}, trusted=True, now=NOW)])
    absorb()


def days() -> dict[date, tuple[int, float]]:
    name = EventName.objects.get(name="purchase")
    rows = DailyCount.objects.filter(name_id=name.pk)
    return {row.day: (row.count, float(row.amount_sum or 0)) for row in rows}


def test_deleted_event_leaves_the_log_and_the_counts(in_acme: Tenant) -> None:
    buy("a", 10)
    buy("b", 5)
    buy("c", 3, at="2026-01-10T12:00:00Z")
    DirtyMember.objects.all().delete()
    delete_event(event_id="b")
    assert days() == {date(2026, 3, 1): (1, 10.0), date(2026, 1, 10): (1, 3.0)}
    assert [event.amount for event in Event.objects.order_by("id")] == [10, 3]
    member = Member.objects.get()
    assert [row.member_id for row in DirtyMember.objects.all()] == [member.pk]
    kept = RetractedEvent.objects.get()
    assert (kept.member_id, kept.amount, kept.occurred_at) == (
        member.pk,
        Decimal(5),
        datetime(2026, 3, 1, 20, tzinfo=UTC),
    )
    entry = AuditEntry.objects.get(verb="event.delete")
    assert entry.before == {"event": kept.event_id, "name": "purchase", "occurred_at": "2026-03-01T20:00:00+00:00"}


def test_deletion_is_told_on_the_timeline(in_acme: Tenant) -> None:
    buy("a", 10)
    [log_id] = Event.objects.values_list("id", flat=True)
    delete_event(event_id="a")
    absorb()
    [told] = timeline(Member.objects.get())
    assert (told.name, told.properties["event"], told.properties["corrected"]) == (
        "urm.event.retracted",
        log_id,
        False,
    )


def test_first_event_deleted_moves_first_seen(in_acme: Tenant) -> None:
    buy("a", 10, at="2026-01-01T12:00:00Z")
    buy("b", 10, at="2026-02-01T12:00:00Z")
    delete_event(event_id="a")
    assert Member.objects.get().first_seen_at == datetime(2026, 2, 1, 12, tzinfo=UTC)


def test_id_of_a_deleted_event_is_never_taken_again(in_acme: Tenant) -> None:
    buy("a", 10)
    delete_event(event_id="a")
    buy("a", 10)
    assert days() == {}
    with pytest.raises(UnknownEventError):
        delete_event(event_id="a")


def test_corrected_event_takes_the_place_of_the_old_one(in_acme: Tenant) -> None:
    buy("a", 10)
    correct_event(
        event_id="a",
        event={"name": "purchase", "external_id": "c-1", "amount": 7, "occurred_at": "2026-02-01T20:00:00Z"},
    )
    absorb()
    assert days() == {date(2026, 2, 1): (1, 7.0)}
    buy("a", 99)
    assert days() == {date(2026, 2, 1): (1, 7.0)}
    delete_event(event_id="a")
    assert days() == {}


def test_event_of_a_merged_member_is_deleted_from_the_survivors_counts(in_acme: Tenant) -> None:
    buy("a", 10)
    buy("b", 5, external_id="c-2")
    ada, bob = (Member.objects.get(external_id=one) for one in ("c-1", "c-2"))
    merge_members(survivor=ada, other=bob)
    delete_event(event_id="b")
    assert days() == {date(2026, 3, 1): (1, 10.0)}


@pytest.mark.parametrize(("waiting", "expected"), [(False, False), (True, True)])
def test_unknown_event_is_told_apart_from_one_that_waits(in_acme: Tenant, waiting: bool, expected: bool) -> None:
    if waiting:
        event = {"name": "visit", "event_id": "other", "external_id": "c-1"}
        accept_events([canonical_event(event, trusted=True, now=NOW)])
    with pytest.raises(UnknownEventError) as refused:
        delete_event(event_id="nobody")
    assert refused.value.waiting is expected


@pytest.mark.parametrize("place", range(7))
def test_row_is_found_among_many_moments_of_arrival(in_acme: Tenant, place: int) -> None:
    for number in range(7):
        accept_events(
            [
                canonical_event(
                    {"name": "visit", "event_id": f"{number}{half}", "external_id": "c-1"}, trusted=True, now=NOW
                )
                for half in "ab"
            ]
        )
        absorb()
    before = list(Event.objects.order_by("id").values_list("id", flat=True))
    delete_event(event_id=f"{place}b")
    assert list(Event.objects.order_by("id").values_list("id", flat=True)) == [
        one for at, one in enumerate(before) if at != 2 * place + 1
    ]


def test_nobody_else_can_take_rows_out_of_the_log(acme: Tenant, globex: Tenant) -> None:
    with tenant_context(acme.pk):
        buy("a", 10)
        [event] = Event.objects.all()
    with tenant_context(globex.pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM app.retract_event(%s, %s)", [event.received_at, event.pk])
        assert cursor.fetchone() == (0,)
    with tenant_context(acme.pk):
        assert Event.objects.count() == 1


def test_late_event_lands_in_the_right_day_after_later_ones(in_acme: Tenant) -> None:
    """The workspace is in New York: an evening there is the next day in UTC."""
    buy("today", 10, at="2026-03-02T11:00:00Z")
    late = [(f"late {n}", (NOW - timedelta(days=40 + n)).replace(hour=3).isoformat()) for n in range(3)]
    for event_id, at in late:
        buy(event_id, 1, at=at)
    assert sorted(days()) == [date(2026, 1, 18), date(2026, 1, 19), date(2026, 1, 20), date(2026, 3, 2)]
