"""Audience files in a real S3 server: written, read back and compared; what goes wrong there, and what staff read."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test import Client
from django.utils import timezone

from deploy.services.state import free_port
from members.actions import upsert_member
from segments.actions import add_to_list, create_segment
from segments.actions.audiences import create_audience_sync
from segments.actions.delivering import sync_audiences
from segments.models import AudienceSync, Segment, SyncBatch
from tests.lib.s3server import BUCKET, READER, READER_SECRET, S3Server, s3_server
from urm import env
from urm.tenancy.models import Tenant, User
from urm.tenancy.work import drain

NAMES = ["=1+1", 'quote " and, comma', "两行\n一格", None]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def store(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """store(address): the store “lake” lies there, as if AUDIENCE_STORES said so."""

    def set_up(address: str) -> None:
        monkeypatch.setenv("AUDIENCE_STORES", f"lake={address}")
        settings.AUDIENCE_STORES = env.stores("AUDIENCE_STORES", "")
        settings.STORAGES = {**settings.STORAGES, "audience-lake": settings.AUDIENCE_STORES["lake"]}
        storages._storages.clear()  # type: ignore[attr-defined]  # it remembers what it has built

    return set_up


@pytest.fixture
def guests(in_acme: Tenant) -> Segment:
    segment = create_segment(name="Guests", kind="static")
    members = [
        upsert_member(external_id=f"c-{n}", traits={"first_name": name, "phone": "+8613812345678"} if name else {})[0]
        for n, name in enumerate(NAMES)
    ]
    add_to_list(segment=segment, members=members)
    drain(in_acme.pk, names=["stream", "segments"])
    return segment


def to_lake(segment: Segment, **fields: Any) -> AudienceSync:
    sync, _secret = create_audience_sync(name="Lake", segment=segment, destination="store", store="lake", **fields)
    while sync_audiences():
        pass
    sync.refresh_from_db()
    return sync


def test_csv_object_reads_back_as_it_was_written(
    guests: Segment, s3: S3Server, store: Callable[[str], None], in_acme: Tenant
) -> None:
    store(s3.address())
    sync = to_lake(guests, fields=["first_name"])
    found = s3.objects(f"{in_acme.pk}/{sync.pk}/changes/")
    assert (sorted(found), sync.problem) == (["00000001.csv", "00000001.csv.json"], "")
    assert list(csv.reader(io.StringIO(found["00000001.csv"].decode(), newline=""))) == [
        ["change", "external_id", "first_name"],
        ["added", "c-0", "'=1+1"],
        ["added", "c-1", 'quote " and, comma'],
        ["added", "c-2", "两行\n一格"],
        ["added", "c-3", ""],
    ]
    batch = SyncBatch.objects.get()
    assert json.loads(found["00000001.csv.json"]) == {
        "batch": str(batch.key),
        "number": 1,
        "kind": "change",
        "last": True,
        "rows": 4,
    }


def test_parquet_object_reads_back_as_it_was_written(
    guests: Segment, s3: S3Server, store: Callable[[str], None], in_acme: Tenant, tmp_path: Any
) -> None:
    duckdb = pytest.importorskip("duckdb")
    store(s3.address())
    sync = to_lake(guests, fields=["first_name"], format="parquet", mode="schedule")
    file = tmp_path / "back.parquet"
    file.write_bytes(s3.objects(f"{in_acme.pk}/{sync.pk}/full/")["00000001.parquet"])
    with duckdb.connect() as db:
        rows = db.execute(f"SELECT external_id, first_name FROM '{file}' ORDER BY 1").fetchall()
    assert rows == [(f"c-{n}", name) for n, name in enumerate(NAMES)]


_CROWD = """
WITH m AS (
    INSERT INTO members_member (tenant_id, external_id, email, first_name, last_name, city, region, attributes,
                                first_seen_at, created_at, updated_at)
    SELECT {t}, 'm-' || lpad(g::text, 5, '0'), repeat(md5(g::text), 7) || '@example.com', repeat(md5(g::text), 3),
           repeat(md5('l' || g), 3), repeat('城', 100), repeat('区', 100), '{{}}', now(), now(), now()
    FROM generate_series(1, {n}) g RETURNING id
)
INSERT INTO members_memberstate (tenant_id, member_id, segment_ids, tag_ids) SELECT {t}, id, '{{{s}}}', '{{}}' FROM m
"""


def test_long_object_goes_in_several_parts_and_reads_back_whole(
    s3: S3Server, store: Callable[[str], None], in_acme: Tenant
) -> None:
    """Above 8 MB boto sends the parts of a multipart upload; the store's tag of such an object ends in their number."""
    store(s3.address())
    segment = create_segment(name="Crowd", kind="static")
    with connection.cursor() as cursor:
        cursor.execute(_CROWD.format(t=in_acme.pk, s=segment.pk, n=10_000))
    sync = to_lake(segment, fields=["first_name", "last_name", "city", "region", "email"])
    name = f"{in_acme.pk}/{sync.pk}/changes/00000001.csv"
    head = s3.client().head_object(Bucket=BUCKET, Key=f"audiences/{name}")
    assert head["ETag"].strip('"').endswith("-2")
    rows = list(csv.DictReader(io.StringIO(s3.objects(name)[""].decode())))
    assert [row["external_id"] for row in rows] == [f"m-{n:05}" for n in range(1, 10_001)]
    assert {row["city"] + row["region"] for row in rows} == {"城" * 100 + "区" * 100}


def troubles(server: S3Server) -> dict[str, tuple[str, str]]:
    """What is wrong → the address, and how the words begin that staff read."""
    return {
        "secret": (server.address(secret="guessed"), "The store does not know this key or its secret."),
        "key": (server.address(key="nobody"), "The store does not know this key or its secret."),
        "right": (server.address(key=READER, secret=READER_SECRET), "The store’s key may not write there."),
        "bucket": (server.address(bucket="nowhere"), "The store has no such bucket."),
        "address": (f"s3+http://k:s@127.0.0.1:{free_port()}/lake", "The store does not answer."),
    }


@pytest.mark.parametrize("trouble", ["secret", "key", "right", "bucket", "address"])
def test_trouble_names_its_remedy_in_the_log_and_is_over_once_mended(
    guests: Segment, s3: S3Server, store: Callable[[str], None], in_acme: Tenant, trouble: str,
    staff: Callable[[Tenant, str], User], client: Client,
) -> None:  # fmt: skip
    address, words = troubles(s3)[trouble]
    store(address)
    sync = to_lake(guests, mode="schedule")
    batch = SyncBatch.objects.get()
    assert (sync.problem.startswith(words), "operator" in sync.problem, batch.problem) == (True, True, sync.problem)
    assert (batch.state, batch.attempts, sync.failures, sync.active) == ("waiting", 1, 1, True)
    client.force_login(staff(in_acme, "admin"), "urm.tenancy.authentication.RoleBackend")
    page = client.get(f"/w/acme/admin/segments/audiencesync/{sync.pk}/change/").content.decode()
    assert page.count(words) == 2  # in the state and in the log
    client.cookies["language"] = "zh-hans"
    page = client.get(f"/w/acme/admin/segments/audiencesync/{sync.pk}/change/").content.decode()
    assert (page.count(words), page.count("AUDIENCE_STORES") + page.count("运维") > 0) == (0, True)

    store(s3.address())
    AudienceSync.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    while sync_audiences():
        pass
    sync.refresh_from_db()
    batch.refresh_from_db()
    assert (sync.problem, batch.state, batch.attempts) == ("", "delivered", 2)
    assert f"{batch.number:08}.csv" in s3.objects(f"{in_acme.pk}/{sync.pk}/full/")


def test_store_that_the_operator_took_away_is_told_as_such(guests: Segment, s3: S3Server, settings: Any,
                                                           store: Callable[[str], None]) -> None:  # fmt: skip
    store(s3.address())
    sync, _secret = create_audience_sync(name="Lake", segment=guests, destination="store", store="lake")
    settings.STORAGES = {name: one for name, one in settings.STORAGES.items() if name != "audience-lake"}
    storages._storages.clear()  # type: ignore[attr-defined]
    while sync_audiences():
        pass
    sync.refresh_from_db()
    assert sync.problem.startswith("This store is not set up any more.")
