"""Consumers read every event once, in order, and park what they cannot digest."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from members.actions import accept_events, canonical_event
from members.consumers import Consumer, LoggedEvent, log, register_consumer, replay
from members.consumers.absorb import absorb
from members.models import Cursor, ParkedEvent
from urm.tenancy.models import Tenant

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Recorder(Consumer):
    name = "recorder"
    names = frozenset({"purchase"})
    batch_size = 3

    def __init__(self) -> None:
        self.seen: list[str] = []

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            if event.properties.get("poison"):
                raise ValueError("indigestible")
        self.seen += [event.properties["n"] for event in events]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr(log, "_reactions", [])
    consumer = Recorder()
    register_consumer(consumer)
    return consumer


def log_events(*events: Mapping[str, object]) -> None:
    accept_events(
        [
            canonical_event({"name": "purchase", "external_id": "c-1", **event}, trusted=True, now=NOW)
            for event in events
        ]
    )
    absorb()


def run(consumer: Consumer) -> None:
    while consumer.run():
        pass


def test_consumer_reads_each_event_once_in_order(in_acme: Tenant, recorder: Recorder) -> None:
    log_events(*({"properties": {"n": str(n)}} for n in range(4)), {"name": "page", "properties": {"n": "page"}})
    run(recorder)
    log_events({"properties": {"n": "4"}})
    run(recorder)
    assert recorder.seen == ["0", "1", "2", "3", "4"]
    assert recorder.run() is False


def test_consumer_parks_the_poisoned_event_and_goes_on(in_acme: Tenant, recorder: Recorder) -> None:
    log_events({"properties": {"n": "0"}}, {"properties": {"poison": True}}, {"properties": {"n": "2"}})
    run(recorder)
    assert recorder.seen == ["0", "2"]
    [parked] = ParkedEvent.objects.all()
    assert (parked.consumer, parked.reason) == ("recorder", "ValueError: indigestible")


def test_consumer_that_is_new_to_a_tenant_starts_at_the_end(in_acme: Tenant, recorder: Recorder) -> None:
    log_events({"properties": {"n": "old"}})
    Cursor.objects.filter(consumer="recorder").delete()
    run(recorder)
    log_events({"properties": {"n": "new"}})
    run(recorder)
    assert recorder.seen == ["new"]


def test_replay_reads_the_log_again(in_acme: Tenant, recorder: Recorder) -> None:
    log_events({"properties": {"n": "0"}})
    run(recorder)
    replay("recorder", since=datetime(1970, 1, 1, tzinfo=UTC))
    run(recorder)
    assert recorder.seen == ["0", "0"]


def test_consumer_name_can_be_registered_once(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="recorder"):
        register_consumer(Recorder())
