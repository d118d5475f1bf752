"""The registry of events learns names, counts, properties and their types, and says where types disagree."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from members.actions import accept_events, canonical_event
from members.consumers import schema
from members.consumers.parked import retry_parked
from members.models import Cursor, Event, EventName, EventProperty, ParkedEvent
from members.queries.schema import property_examples
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def send(tenant: Tenant, *properties: dict[str, Any], name: str = "purchase", **fields: Any) -> None:
    accept_events(
        [
            canonical_event({"name": name, "external_id": "c-1", "properties": one, **fields}, trusted=True, now=NOW)
            for one in properties
        ]
    )
    drain(tenant.pk, names=["stream"])


def learned(name: str = "purchase") -> dict[str, tuple[str, list[str], bool]]:
    rows = EventProperty.objects.filter(event__name=name)
    return {row.name: (row.type, row.seen_types, row.conflict_at is not None) for row in rows}


def test_names_counts_and_types_are_learned(in_acme: Tenant) -> None:
    send(in_acme, {"sku": "A1", "price": 3.5, "gift": True, "lines": [1], "to": {"city": "Rome"}, "on": "2026-03-01"})
    send(in_acme, {"sku": None}, {"sku": "B2", "at": "2026-03-01T09:30:00Z"}, amount=5)
    name = EventName.objects.get(name="purchase")
    assert (name.count, name.last_at, name.has_amount) == (3, NOW, True)
    assert learned() == {
        "sku": ("text", ["text"], False),
        "price": ("number", ["number"], False),
        "gift": ("boolean", ["boolean"], False),
        "lines": ("list", ["list"], False),
        "to": ("object", ["object"], False),
        "on": ("datetime", ["datetime"], False),
        "at": ("datetime", ["datetime"], False),
    }


def test_number_that_becomes_text_is_a_conflict_and_a_date_that_becomes_text_is_none(in_acme: Tenant) -> None:
    send(in_acme, {"price": 3, "on": "2026-03-01", "note": "x"})
    send(in_acme, {"price": "three", "on": "soon", "note": "2026-03-01"})
    assert learned() == {
        "price": ("number", ["number", "text"], True),
        "on": ("text", ["datetime", "text"], False),
        "note": ("text", ["text", "datetime"], False),
    }


def test_flood_of_made_up_keys_is_cut_off(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MOST_PROPERTIES", 5)
    send(in_acme, *({f"key-{n}": n} for n in range(20)))
    assert EventProperty.objects.count() == 5


def test_flood_is_counted_whole_and_learned_from_a_sample(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SAMPLE", 10)
    send(in_acme, *({"n": n} for n in range(500)))
    assert EventName.objects.get(name="purchase").count == 500
    assert learned() == {"n": ("number", ["number"], False)}


def test_personal_names_are_guessed(in_acme: Tenant) -> None:
    send(in_acme, {"billing_email": "a@b.example", "Phone": "1", "sku": "A1"})
    personal = dict(EventProperty.objects.values_list("name", "personal"))
    assert personal == {"billing_email": True, "Phone": True, "sku": False}


def test_workspace_with_a_history_starts_with_its_counts(in_acme: Tenant) -> None:
    send(in_acme, {"n": 1}, {"n": 2}, amount=1)
    EventName.objects.update(count=0, has_amount=False)
    Cursor.objects.filter(consumer="schema").delete()
    send(in_acme, {"n": 3}, amount=1)
    send(in_acme, {"n": 4}, occurred_at=(NOW + timedelta(minutes=1)).isoformat())
    name = EventName.objects.get(name="purchase")
    assert (name.count, name.has_amount, name.last_at) == (4, True, NOW + timedelta(minutes=1))


def test_strict_event_parks_what_does_not_fit_and_takes_it_once_it_does(in_acme: Tenant) -> None:
    send(in_acme, {"price": 3, "note": "x"})
    EventName.objects.filter(name="purchase").update(strict=True)
    misfits: list[dict[str, Any]] = [{"price": "three"}, {"colour": "red", "price": 1}]
    for number, properties in enumerate(misfits):
        send(in_acme, properties, event_id=f"m-{number}", amount="12.50")
    send(in_acme, {"price": None, "note": "2026-03-01"}, {"price": 2})
    send(in_acme, {"colour": "red"}, name="page_view")
    reasons = dict(ParkedEvent.objects.values_list("pk", "reason"))
    assert sorted(reasons.values()) == [
        "purchase: colour: not listed",
        "purchase: price: text instead of number",
    ]
    assert EventName.objects.get(name="purchase").count == 3
    EventName.objects.update(strict=False)
    for parked in ParkedEvent.objects.all():
        assert retry_parked(parked=parked)
    drain(in_acme.pk, names=["stream"])
    taken = Event.objects.exclude(amount=None).order_by("id")
    assert [event.properties for event in taken] == misfits
    assert [str(event.amount) for event in taken] == ["12.5000", "12.5000"]
    assert ParkedEvent.objects.count() == 0


def test_examples_are_shared_values_and_never_personal(in_acme: Tenant) -> None:
    for number in range(4):
        common = {"store": "Harbour", "email": "same@example.com", "contact": "a@b.example", "card": "12345678"}
        send(in_acme, {**common, "own": f"only-{number}"}, external_id=f"c-{number}")
    assert property_examples(EventName.objects.get(name="purchase")) == {"store": ["Harbour"]}
