"""Events from the front door to the log, each exactly once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from members.actions import EventError, accept_events, canonical_event, canonical_identify
from members.consumers.absorb import absorb
from members.models import Cursor, DailyCount, DirtyMember, Event, Identity, InboxEntry, Member, ParkedEvent
from urm.tenancy.models import Tenant

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def accept(*events: dict[str, Any], trusted: bool = True) -> None:
    accept_events([canonical_event(event, trusted=trusted, now=NOW) for event in events])


def purchase(**fields: Any) -> dict[str, Any]:
    return {"name": "purchase", "external_id": "c-1", "amount": 12.5, "occurred_at": "2026-03-01T20:00:00Z", **fields}


def test_absorb_appends_counts_and_marks_dirty(in_acme: Tenant) -> None:
    accept(purchase(event_id="a", properties={"sku": "x"}), purchase(event_id="b", amount="7.25"))
    assert absorb() == 2
    member = Member.objects.get()
    assert (member.external_id, member.first_seen_at) == ("c-1", datetime(2026, 3, 1, 20, tzinfo=UTC))
    first, second = Event.objects.order_by("id")
    assert (first.member_id, first.amount, first.properties) == (member.pk, Decimal("12.5000"), {"sku": "x"})
    assert second.amount == Decimal("7.2500")
    [day] = DailyCount.objects.all()
    assert (day.day, day.count, day.amount_sum, day.amount_min, day.amount_max) == (
        date(2026, 3, 1),
        2,
        Decimal("19.7500"),
        Decimal("7.2500"),
        Decimal("12.5000"),
    )
    dirty = DirtyMember.objects.get()
    assert (dirty.member_id, dirty.cause_id) == (member.pk, first.pk)
    assert not InboxEntry.objects.exists()


def test_absorb_takes_an_event_id_once_for_ever(in_acme: Tenant) -> None:
    accept(purchase(event_id="a"), purchase(event_id="a", amount=99))
    absorb()
    accept(purchase(event_id="a"))
    absorb()
    assert [event.amount for event in Event.objects.all()] == [Decimal("12.5000")]
    mark = Cursor.objects.get(consumer="absorb")
    assert (mark.absorbed, mark.duplicates) == (1, 2)


def test_absorb_counts_a_late_event_on_its_local_day(in_acme: Tenant) -> None:
    accept(purchase(occurred_at="2026-03-01T03:00:00Z"))  # the evening before in New York
    absorb()
    accept(purchase(occurred_at="2026-01-05T12:00:00"))  # without zone: UTC
    absorb()
    assert list(DailyCount.objects.order_by("day").values_list("day", flat=True)) == [
        date(2026, 1, 5),
        date(2026, 2, 28),
    ]
    assert Member.objects.get().first_seen_at == datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_absorb_keeps_amounts_of_untrusted_senders_out_of_the_figures(in_acme: Tenant) -> None:
    accept(purchase(), trusted=False)
    absorb()
    event = Event.objects.get()
    assert (event.amount, event.trusted, event.properties) == (None, False, {"amount": "12.5"})


def test_absorb_orders_the_log_by_arrival(in_acme: Tenant) -> None:
    for number in range(5):
        accept(purchase(event_id=f"e{number}", properties={"n": number}))
        absorb()
    events = list(Event.objects.order_by("received_at", "id"))
    assert [event.properties["n"] for event in events] == [0, 1, 2, 3, 4]
    mark = Cursor.objects.get(consumer="absorb")
    assert (mark.received_at, mark.event_id) == (events[-1].received_at, events[-1].pk)


def test_identify_makes_a_visitor_known_with_history(in_acme: Tenant) -> None:
    accept({"name": "page", "anonymous_id": "v-1"})
    absorb()
    visitor = Member.objects.get()
    accept_events(
        [
            canonical_identify(
                {"external_id": "c-9", "anonymous_id": "v-1", "traits": {"first_name": "Ada"}}, trusted=True, now=NOW
            )
        ]
    )
    absorb()
    member = Member.objects.get()
    assert (member.pk, member.external_id, member.first_name) == (visitor.pk, "c-9", "Ada")
    assert set(Identity.objects.values_list("kind", "value")) == {("anonymous_id", "v-1"), ("external_id", "c-9")}


def test_identify_from_the_browser_changes_nothing_of_a_known_member(in_acme: Tenant) -> None:
    accept(purchase())
    absorb()
    accept_events(
        [canonical_identify({"external_id": "c-1", "traits": {"email": "thief@example.com"}}, trusted=False, now=NOW)]
    )
    absorb()
    assert Member.objects.get().email is None


def test_absorb_parks_an_inbox_row_that_the_database_refuses(in_acme: Tenant) -> None:
    accept(purchase(event_id="good-1"))
    InboxEntry.objects.create(
        items=1, body='[{"i": "external_id", "v": "c-2", "n": "x", "t": "not a time", "s": true}]'
    )
    accept(purchase(event_id="good-2"))
    while absorb():
        pass
    assert Event.objects.count() == 2
    [parked] = ParkedEvent.objects.all()
    assert "not a time" in parked.reason
    assert not InboxEntry.objects.exists()


@pytest.mark.parametrize(
    ("field", "event"),
    [
        ("name", purchase(name="1st")),
        ("name", purchase(name="urm.member.created")),
        ("name", purchase(name=None)),
        ("external_id", purchase(external_id=None)),
        ("external_id", purchase(external_id=17)),
        ("external_id", purchase(external_id=" c ")),
        ("amount", purchase(amount="12,5")),
        ("amount", purchase(amount="NaN")),
        ("amount", purchase(amount=True)),
        ("amount", purchase(amount="0.00001")),
        ("amount", purchase(amount=10**14)),
        ("occurred_at", purchase(occurred_at="yesterday")),
        ("occurred_at", purchase(occurred_at=(NOW + timedelta(minutes=6)).isoformat())),
        ("occurred_at", purchase(occurred_at="0001-01-01T00:00:00+14:00")),
        ("properties", purchase(properties=[])),
        ("member", purchase(member={})),
    ],
)
def test_event_that_cannot_be_taken_names_its_field(in_acme: Tenant, field: str, event: dict[str, Any]) -> None:
    with pytest.raises(EventError) as caught:
        canonical_event(event, trusted=True, now=NOW)
    assert caught.value.field == field


def test_event_without_time_happened_now(in_acme: Tenant) -> None:
    now = timezone.now()
    assert canonical_event(purchase(occurred_at=None), trusted=True, now=now)["t"] == now.isoformat()
