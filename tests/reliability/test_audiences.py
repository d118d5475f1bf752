"""Workers killed with -9 while an audience is sent: nothing is lost, and what comes twice carries the same key."""

from __future__ import annotations

import csv
import os
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connection, connections
from django.utils import timezone

from members.models import Member
from segments.actions import create_segment, remove_from_list
from segments.actions.audiences import create_audience_sync
from segments.models import AudienceSync, Segment, SyncBatch, SyncedMember
from tests.lib.receiver import Receiver, receiver
from tests.reliability.conftest import Programs, eventually
from urm import env
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain, wake

WITHIN = 90.0
_CROWD = """
WITH m AS (
    INSERT INTO members_member (tenant_id, external_id, attributes, first_seen_at, created_at, updated_at)
    SELECT {t}, 'm-' || g, '{{}}', now(), now(), now() FROM generate_series(1, {n}) g RETURNING id
), s AS (
    INSERT INTO members_memberstate (tenant_id, member_id, segment_ids, tag_ids)
    SELECT {t}, id, '{{{s}}}', '{{}}' FROM m
)
INSERT INTO segments_staticmember (tenant_id, segment_id, member_id, added_at, added_by)
SELECT {t}, {s}, id, now(), 'test' FROM m
"""


def crowd(tenant: Tenant, count: int) -> Segment:
    segment = create_segment(name="Crowd", kind="static")
    drain(tenant.pk, names=["segments"])
    with connection.cursor() as cursor:
        cursor.execute(_CROWD.format(t=tenant.pk, s=segment.pk, n=count))
    return segment


def end_leases() -> None:
    """Nobody wants to wait two minutes for the lease of a dead worker."""
    connections.close_all()
    AudienceSync.objects.update(leased_until=None, next_at=timezone.now())
    wake("audiences")


def is_current(count: int) -> bool:
    waiting = SyncBatch.objects.filter(state=SyncBatch.State.WAITING).exists()
    return not waiting and SyncedMember.objects.count() == count


class Outside:
    """What a receiver keeps that drops every batch whose key it knows, as the documentation tells it to."""

    def __init__(self, taken: list[dict[str, Any]]) -> None:
        self.times = Counter(batch["batch"] for batch in taken)
        self.numbers = {batch["batch"]: {other["number"] for other in taken if other["batch"] == batch["batch"]}
                        for batch in taken}  # fmt: skip
        self.members: Counter[str] = Counter()
        known: set[str] = set()
        for batch in sorted(taken, key=lambda one: int(one["number"])):
            if batch["batch"] not in known:
                known.add(batch["batch"])
                self.members.update(row["external_id"] for row in batch["added"])
                self.members.subtract(row["external_id"] for row in batch["removed"])


@pytest.fixture
def outside(settings: Any) -> Iterator[Receiver]:
    with receiver() as made:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{made.port}"]
        yield made


def test_worker_killed_while_a_webhook_is_sent_loses_nothing_and_repeats_only_with_the_same_key(
    programs: Programs, shop: Tenant, outside: Receiver
) -> None:
    """By turns: the request has come and no answer has gone; the answer has gone and the worker cannot note it."""
    programs.env["OUTBOUND_ALLOW"] = f"127.0.0.1:{outside.port}"
    count = 4500
    segment = crowd(shop, count)
    create_audience_sync(name="Ads", segment=segment, destination="webhook", url=outside.url)
    came = threading.Event()

    def die_before_the_answer(handler: BaseHTTPRequestHandler) -> None:
        came.set()
        handler.close_connection = True
        outside.go_on.wait(WITHIN)

    def die_after_the_answer(handler: BaseHTTPRequestHandler) -> None:
        """The sync is locked while the worker wants to note the delivery, so the kill is sure to come before."""
        locked, die = threading.Event(), threading.Event()
        threading.Thread(target=hold_sync, args=(shop.pk, locked, die), daemon=True).start()
        locked.wait(WITHIN)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        handler.close_connection = True
        releases.append(die)
        came.set()

    releases: list[threading.Event] = []
    programs.dispatcher()
    kills = 0
    for how in (die_before_the_answer, die_after_the_answer, die_before_the_answer, die_after_the_answer):
        came.clear()
        outside.answers = [how]
        worker = programs.worker()
        eventually(came.is_set, WITHIN, programs.logs)
        programs.kill(worker)
        kills += 1
        while releases:
            releases.pop().set()
        if kills == 2:  # what changes meanwhile goes into later batches, never into the one that was begun
            leaving = list(Member.objects.order_by("pk")[:10])
            remove_from_list(segment=segment, members=leaving)
            drain(shop.pk, names=["stream", "segments"])
        end_leases()
    outside.go_on.set()
    programs.worker()
    eventually(lambda: is_current(count - 10), WITHIN, programs.logs)

    seen = Outside([one.json for one in outside.came])
    assert kills == 4
    assert all(len(numbers) == 1 for numbers in seen.numbers.values())
    assert [one.headers["Idempotency-Key"] for one in outside.came] == [one.json["batch"] for one in outside.came]
    assert sum(times - 1 for times in seen.times.values()) == kills  # each hit the middle, each batch came again
    present = {name for name, times in seen.members.items() if times}
    assert present == set(SyncedMember.objects.values_list("external_id", flat=True))
    assert {seen.members[name] for name in present} == {1}
    repeated = [one.body for one in outside.came if seen.times[one.json["batch"]] > 1]
    assert len(set(repeated)) == len([key for key, times in seen.times.items() if times > 1])  # the same to the byte
    assert SyncBatch.objects.exclude(state=SyncBatch.State.DELIVERED).count() == 0


def hold_sync(tenant_id: int, locked: threading.Event, until: threading.Event) -> None:
    """Lock the sync's row in a connection of this thread."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"SET LOCAL app.tenant_id = '{tenant_id}'")
        cursor.execute("SELECT id FROM segments_audiencesync WHERE tenant_id = %s FOR UPDATE", [tenant_id])
        locked.set()
        until.wait(WITHIN)
        cursor.execute("ROLLBACK")
    connections["owner"].close()


def test_worker_killed_while_a_file_is_written_leaves_no_half_file_and_loses_nothing(
    programs: Programs, shop: Tenant, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named pipes in the way of the file and of its note hold the worker in the middle of writing; it dies there."""
    folder = tmp_path / "lake"
    programs.env["AUDIENCE_STORES"] = f"lake=file://{folder}"
    monkeypatch.setenv("AUDIENCE_STORES", programs.env["AUDIENCE_STORES"])
    settings.AUDIENCE_STORES = env.stores("AUDIENCE_STORES", "")
    count = 25_000
    segment = crowd(shop, count)
    sync, _secret = create_audience_sync(name="Lake", segment=segment, destination="store", store="lake")
    changes = folder / str(shop.pk) / str(sync.pk) / "changes"
    changes.mkdir(parents=True)
    programs.dispatcher()
    for name in ("00000001.csv", "00000001.csv.json", "00000002.csv"):
        pipe = changes / f"{name}.part"
        os.mkfifo(pipe)
        worker = programs.worker()
        eventually(lambda pipe=pipe: is_writing(pipe), WITHIN, programs.logs)  # type: ignore[misc]
        programs.kill(worker)
        assert not (changes / name).exists()
        pipe.unlink()
        end_leases()
    programs.worker()
    eventually(lambda: is_current(count), WITHIN, programs.logs)

    files = sorted(changes.glob("*.csv"))
    assert [file.name for file in files] == [f"{number:08}.csv" for number in (1, 2, 3)]
    assert list(changes.glob("*.part")) == []
    notes = [orjson.loads(Path(f"{file}.json").read_bytes()) for file in files]
    batches = SyncBatch.objects.order_by("number").values_list("key", "number", "added_count")
    assert [(note["batch"], note["number"], note["rows"]) for note in notes] == [
        (str(key), number, rows) for key, number, rows in batches
    ]
    told = Counter(row["external_id"] for file in files for row in csv.DictReader(file.read_text().splitlines()))
    assert (len(told), set(told.values())) == (count, {1})


def is_writing(pipe: Path) -> bool:
    """Whether somebody waits to write into the pipe: opening it to read then gives bytes instead of an end."""
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return bool(os.read(descriptor, 10))
    except BlockingIOError:  # opened for writing, nothing written yet
        return True
    finally:
        os.close(descriptor)
