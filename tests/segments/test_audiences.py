"""Audience syncs: what is sent, when, how often it is tried, and that nothing is lost or doubled."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.utils import timezone

from members.actions import erase_member, upsert_member
from members.models import Member
from segments.actions import add_to_list, create_segment, remove_from_list
from segments.actions.audiences import (
    create_audience_sync,
    delete_audience_sync,
    next_batch,
    note_changes,
    note_failure,
    run_now,
    set_active,
    settle_batch,
)
from segments.actions.delivering import DeliveryError, deliver, sync_audiences
from segments.models import AudienceSync, Segment, SyncBatch, SyncedMember
from tests.lib.receiver import Receiver, receiver
from urm.tenancy.models import Tenant, Wakeup
from urm.tenancy.work import drain


@pytest.fixture
def outside(settings: Any) -> Iterator[Receiver]:
    with receiver() as made:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{made.port}"]
        yield made


@pytest.fixture
def guests(in_acme: Tenant) -> Segment:
    """A list with c-1, c-2 and c-3 on it."""
    segment = create_segment(name="Guests", kind="static")
    members = [upsert_member(external_id=f"c-{n}", traits={"email": f"c{n}@example.com"})[0] for n in (1, 2, 3)]
    add_to_list(segment=segment, members=members)
    drain(in_acme.pk, names=["stream", "segments"])
    return segment


def member(n: int) -> Member:
    return Member.objects.get(external_id=f"c-{n}")


def send_all() -> None:
    while sync_audiences():
        pass


def later(sync: AudienceSync) -> None:
    """The pause after a failure, or the lease of a dead worker, is over."""
    past = timezone.now() - timedelta(seconds=1)
    AudienceSync.objects.filter(pk=sync.pk).update(next_at=past, leased_until=None)


def told(came: Any) -> tuple[list[str], list[str]]:
    return ([row["external_id"] for row in came.json["added"]], [row["external_id"] for row in came.json["removed"]])


def hook(segment: Segment, outside: Receiver, **fields: Any) -> tuple[AudienceSync, str]:
    return create_audience_sync(name="Ads", segment=segment, destination="webhook", url=outside.url, **fields)


def test_webhook_gets_everybody_then_only_what_changes(guests: Segment, outside: Receiver, in_acme: Tenant) -> None:
    sync, secret = hook(guests, outside, fields=["email"])
    send_all()
    [first] = outside.came
    assert first.json["added"] == [{"external_id": f"c-{n}", "email": f"c{n}@example.com"} for n in (1, 2, 3)]
    assert (first.json["segment"], first.json["kind"]) == ({"id": guests.pk, "name": "Guests"}, "change")
    moment, _comma, digest = first.headers["URM-Signature"].partition(",")
    signed = moment.removeprefix("t=").encode() + b"." + first.body
    assert digest == "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert first.headers["Idempotency-Key"] == first.json["batch"]
    remove_from_list(segment=guests, members=[member(2)])
    add_to_list(segment=guests, members=[upsert_member(external_id="c-4", traits={})[0]])
    drain(in_acme.pk, names=["stream", "segments"])
    sync.refresh_from_db()
    assert sync.next_at < timezone.now() + timedelta(seconds=3)  # not only at the hourly comparison
    assert Wakeup.objects.filter(work="audiences").exists()
    later(sync)
    send_all()
    assert told(outside.came[1]) == (["c-4"], ["c-2"])
    send_all()
    assert len(outside.came) == 2
    sync.refresh_from_db()
    assert (sync.failures, sync.problem, sync.secret.startswith("whsec")) == (0, "", False)


def test_failing_receiver_is_asked_again_with_the_same_key(guests: Segment, outside: Receiver) -> None:
    outside.answers = [500, 302, 429]
    outside.headers = {"Retry-After": "100", "Location": "http://127.0.0.1:1/"}
    sync, _secret = hook(guests, outside)
    for failures, seconds in ((1, 100), (2, 100), (3, 100)):
        send_all()
        sync.refresh_from_db()
        wait = (sync.next_at - timezone.now()).total_seconds()
        assert (sync.failures, round(wait, -1)) == (failures, seconds)
        assert "answered" in sync.problem
        later(sync)
    send_all()
    assert len({one.headers["Idempotency-Key"] for one in outside.came}) == 1
    assert len({one.body for one in outside.came}) == 1
    [batch] = SyncBatch.objects.all()
    assert (batch.state, batch.attempts, batch.added, batch.added_count) == ("delivered", 4, [], 3)
    assert SyncedMember.objects.count() == 3


def test_worker_that_dies_after_sending_sends_the_same_batch_again(guests: Segment, outside: Receiver) -> None:
    sync, _secret = hook(guests, outside)
    batch = next_batch(sync=sync, now=timezone.now())
    assert batch is not None
    deliver(sync, batch)  # the receiver has it, and then the worker is gone
    remove_from_list(segment=guests, members=[member(3)])
    drain(guests.tenant_id or 0, names=["stream", "segments"])
    send_all()
    keys = [one.headers["Idempotency-Key"] for one in outside.came]
    assert (len(keys), keys[0] == keys[1], keys[2] != keys[0]) == (3, True, True)
    assert told(outside.came[1]) == (["c-1", "c-2", "c-3"], [])
    assert told(outside.came[2]) == ([], ["c-3"])


def test_receiver_that_is_gone_stops_the_sync_and_resuming_sends_what_is_so_then(
    guests: Segment, outside: Receiver, in_acme: Tenant
) -> None:
    outside.answers = [410]
    sync, _secret = hook(guests, outside)
    send_all()
    sync.refresh_from_db()
    assert (sync.active, sync.problem) == (False, "The receiver answered 410.")
    assert SyncBatch.objects.get().state == "given_up"
    remove_from_list(segment=guests, members=[member(1)])
    drain(in_acme.pk, names=["stream", "segments"])
    set_active(sync=sync, active=True)
    send_all()
    assert told(outside.came[1]) == (["c-2", "c-3"], [])


def test_worker_slower_than_its_lease_puts_nothing_back(guests: Segment, outside: Receiver, in_acme: Tenant) -> None:
    """Two workers sent the first batch; the quicker one has gone on when the slower one comes to note it."""
    sync, _secret = hook(guests, outside)
    slow = next_batch(sync=sync, now=timezone.now())
    assert slow is not None
    send_all()
    remove_from_list(segment=guests, members=[member(3)])
    drain(in_acme.pk, names=["stream", "segments"])
    later(sync)
    send_all()
    settle_batch(batch=slow, now=timezone.now())
    note_failure(batch=slow, problem="late", final=True, wait=None, now=timezone.now())
    assert sorted(SyncedMember.objects.values_list("external_id", flat=True)) == ["c-1", "c-2"]
    sync.refresh_from_db()
    assert (sync.active, sync.problem, [batch.attempts for batch in SyncBatch.objects.all()]) == (True, "", [1, 1])
    delete_audience_sync(sync=sync)
    settle_batch(batch=slow, now=timezone.now())


def test_address_in_a_private_network_is_never_asked_and_the_log_says_so(
    guests: Segment, outside: Receiver, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    sync, _secret = create_audience_sync(
        name="Inside", segment=guests, destination="webhook", url="http://169.254.169.254/latest/meta-data/"
    )
    send_all()
    sync.refresh_from_db()
    assert (sync.failures, sync.problem) == (1, "The address leads into a private network.")
    assert SyncBatch.objects.get().problem == sync.problem
    assert outside.came == []


def test_three_days_of_failures_stop_the_sync(guests: Segment, outside: Receiver) -> None:
    outside.answers = [500, 500]
    sync, _secret = hook(guests, outside)
    send_all()
    AudienceSync.objects.update(failing_since=timezone.now() - timedelta(days=3))
    later(sync)
    send_all()
    sync.refresh_from_db()
    assert (sync.active, sync.failures) == (False, 2)


def test_erased_member_is_told_of_as_removed_and_then_forgotten(
    guests: Segment, outside: Receiver, in_acme: Tenant
) -> None:
    sync, _secret = hook(guests, outside)
    send_all()
    erase_member(member=member(1))
    later(sync)
    send_all()
    assert told(outside.came[1]) == ([], ["c-1"])
    assert list(SyncedMember.objects.values_list("external_id", flat=True)) == ["c-2", "c-3"]


def test_many_members_go_in_batches(guests: Segment, outside: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audiences_rows(), "webhook", 2)
    hook(guests, outside)
    send_all()
    assert [told(one)[0] for one in outside.came] == [["c-1", "c-2"], ["c-3"]]


def audiences_rows() -> dict[str, int]:
    from segments.actions import audiences  # noqa: PLC0415

    return audiences.ROWS


def test_schedule_sends_everybody_in_pages_and_goes_on_where_it_stopped(
    guests: Segment, outside: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(audiences_rows(), "webhook", 2)
    sync, _secret = hook(guests, outside, mode="schedule", every_hours=6)
    outside.answers = [200, 500]
    send_all()
    later(sync)
    send_all()
    pages = [(told(one)[0], one.json["last"]) for one in outside.came]
    assert pages == [(["c-1", "c-2"], False), (["c-3"], True), (["c-3"], True)]
    sync.refresh_from_db()
    assert sync.page_after is None
    assert round((sync.next_at - timezone.now()).total_seconds() / 3600) == 6
    run_now(sync=sync)
    send_all()
    assert len(outside.came) == 5


def test_member_who_has_left_and_returned_meanwhile_is_not_mentioned(
    guests: Segment, outside: Receiver, in_acme: Tenant
) -> None:
    sync, _secret = hook(guests, outside)
    send_all()
    remove_from_list(segment=guests, members=[member(2)])
    add_to_list(segment=guests, members=[member(2)])
    drain(in_acme.pk, names=["stream", "segments"])
    later(sync)
    send_all()
    assert len(outside.came) == 1
    assert not note_changes(now=timezone.now() + timedelta(hours=2))


@pytest.fixture
def lake(tmp_path: Path, settings: Any) -> Path:
    store = {
        "BACKEND": "urm.lib.filestorage.WholeFileStorage",
        "OPTIONS": {"location": str(tmp_path), "allow_overwrite": True},
    }
    settings.AUDIENCE_STORES = {"lake": store}
    settings.STORAGES = {**settings.STORAGES, "audience-lake": store}
    storages._storages.clear()  # type: ignore[attr-defined]  # it remembers what it has built
    return tmp_path


def test_files_are_written_whole_and_formulas_disarmed(guests: Segment, lake: Path, in_acme: Tenant) -> None:
    upsert_member(external_id="c-2", traits={"first_name": "=1+1", "phone": "+8613812345678"})
    sync, secret = create_audience_sync(
        name="Lake", segment=guests, destination="store", store="lake", fields=["first_name", "phone"]
    )
    send_all()
    folder = lake / str(in_acme.pk) / str(sync.pk) / "changes"
    assert (secret, sorted(path.name for path in folder.iterdir())) == ("", ["00000001.csv", "00000001.csv.json"])
    assert (folder / "00000001.csv").read_text().splitlines() == [
        "change,external_id,first_name,phone",
        "added,c-1,,",
        "added,c-2,'=1+1,+8613812345678",
        "added,c-3,,",
    ]


def test_parquet_holds_the_same_rows(guests: Segment, lake: Path, in_acme: Tenant) -> None:
    duckdb = pytest.importorskip("duckdb")
    upsert_member(external_id="c-2", traits={"first_name": 'quote " and, comma'})
    sync, _secret = create_audience_sync(
        name="Lake",
        segment=guests,
        destination="store",
        store="lake",
        format="parquet",
        mode="schedule",
        fields=["first_name"],
    )
    send_all()
    file = lake / str(in_acme.pk) / str(sync.pk) / "full" / "00000001.parquet"
    with duckdb.connect() as db:
        rows = db.execute(f"SELECT * FROM '{file}' ORDER BY external_id").fetchall()
    assert rows == [("added", "c-1", None), ("added", "c-2", 'quote " and, comma'), ("added", "c-3", None)]


def test_store_that_fails_is_tried_again(guests: Segment, lake: Path) -> None:
    sync, _secret = create_audience_sync(name="Lake", segment=guests, destination="store", store="lake")
    (lake / str(sync.tenant_id)).write_text("a file is in the way")
    batch = next_batch(sync=sync, now=timezone.now())
    assert batch is not None
    with pytest.raises(DeliveryError, match="The store’s folder cannot be written"):
        deliver(sync, batch)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"destination": "webhook", "url": "http://user@example.com/"}, "url"),
        ({"destination": "webhook", "url": "https://example.com:22/"}, "url"),
        ({"destination": "webhook", "url": "https://example.com/", "fields": ["birthday"]}, "fields"),
        ({"destination": "webhook", "url": "https://example.com/", "every_hours": 0}, "every_hours"),
        ({"destination": "store", "store": "elsewhere"}, "store"),
        ({"destination": "fax"}, "store"),
    ],
)
def test_wrong_sync_is_refused_by_field(guests: Segment, fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as refused:
        create_audience_sync(name="Ads", segment=guests, **fields)
    assert list(refused.value.message_dict) == [wrong]


def test_deleting_a_sync_deletes_its_log(guests: Segment, outside: Receiver) -> None:
    sync, _secret = hook(guests, outside)
    send_all()
    delete_audience_sync(sync=sync)
    assert (AudienceSync.objects.count(), SyncBatch.objects.count(), SyncedMember.objects.count()) == (0, 0, 0)
