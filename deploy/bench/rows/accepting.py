"""Rows 1b and 1c: events through HTTP, one gunicorn process — against absorbing them, and against doing nothing."""

from __future__ import annotations

import gc
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from statistics import median

import orjson

from deploy.bench.dataset import NAMES
from deploy.bench.table import Context, Row, measures
from deploy.paths import ROOT
from members.consumers.absorb import absorb
from urm.tenancy.context import tenant_context
from urm.tenancy.models import ApiKey

BATCHES = 20
CLIENTS = 8  # as many as the prototypes had; with fewer the commits' waits are measured
WINDOW = 3.0  # seconds


@measures("1b")
def accepting_batches(context: Context) -> Row:
    tenant = context.large
    pairs = []
    with served(tenant.id) as (port, token):
        for turn in range(context.rounds + 1):
            bodies = [_batch(f"{time.time_ns()}-{turn}-{n}", tenant.members) for n in range(BATCHES)]
            gc.collect()
            started = time.perf_counter()
            _post_all(port, token, bodies)
            accepting = time.perf_counter() - started
            with tenant_context(tenant.id):
                gc.collect()
                started = time.perf_counter()
                taken = absorb(batch=BATCHES * 1000)
                absorbing = time.perf_counter() - started
            if taken != BATCHES * 1000:
                raise RuntimeError(f"absorbed {taken} of {BATCHES * 1000} items")
            if turn:  # the first is a warm-up
                pairs.append((accepting, absorbing))
    accepting, absorbing = median(a for a, _ in pairs), median(b for _, b in pairs)
    events = BATCHES * 1000
    return context.row(
        "1b",
        median(b / a for a, b in pairs),
        f"{events / accepting:,.0f} ÷ {events / absorbing:,.0f} events/s",
        costs={"accept.batched_event_seconds": accepting / events},
    )


@measures("1c")
def accepting_single_events(context: Context) -> Row:
    tenant = context.large
    body = orjson.dumps(_event("c-1", 7))
    pairs = []
    with served(tenant.id) as (port, token):
        for turn in range(context.rounds + 1):
            pair = tuple(_rate(port, token, path, body) for path in ("/api/v1/events", "/api/v1/empty"))
            if turn:
                pairs.append(pair)
        with tenant_context(tenant.id):
            while absorb():
                pass
    events, empty = median(a for a, _ in pairs), median(b for _, b in pairs)
    return context.row(
        "1c",
        median(a / b for a, b in pairs),
        f"{events:,.0f} ÷ {empty:,.0f} requests/s",
        costs={"accept.request_seconds": 1 / events, "web.request_seconds": 1 / empty},
    )


@contextmanager
def served(tenant_id: int) -> Iterator[tuple[int, str]]:
    """The platform under gunicorn with one process, without limits of rate; its port and a secret key."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    token = ApiKey.new_token("sk")
    key = ApiKey.objects.create(
        tenant_id=tenant_id,
        name="bench",
        kind="sk",
        prefix=token[:10],
        hash=sha256(token.encode()).digest(),
        scopes=["events.write"],
    )
    plenty = {"API_RATE_PER_KEY": "1000000", "API_RATE_PER_WORKSPACE": "1000000", "DEBUG": "0"}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "deploy/gunicorn_conf.py",
        "deploy.bench.server:application",
    ]
    process = subprocess.Popen(
        [*command, "--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", str(CLIENTS)],
        cwd=ROOT,
        env={**os.environ, **plenty},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until_live(port, process)
        yield port, token
    finally:
        process.terminate()
        process.wait(30)
        key.delete()


def _until_live(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError("gunicorn ended at once") from None
            time.sleep(0.1)
    raise RuntimeError("gunicorn did not start")


def _post(connection: http.client.HTTPConnection, token: str, path: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 202:
        raise RuntimeError(f"{path} answered {response.status}: {answer[:300]!r}")


def _post_all(port: int, token: str, bodies: list[bytes]) -> None:
    """All bodies, over CLIENTS connections at once."""

    def client(mine: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for body in mine:
            _post(connection, token, "/api/v1/events", body)
        connection.close()

    _at_once([partial(client, bodies[n::CLIENTS]) for n in range(CLIENTS)])


def _rate(port: int, token: str, path: str, body: bytes) -> float:
    """Requests answered a second, over CLIENTS kept connections."""
    counts = [0] * CLIENTS
    until = time.perf_counter() + WINDOW

    def client(n: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.perf_counter() < until:
            _post(connection, token, path, body)
            counts[n] += 1
        connection.close()

    _at_once([partial(client, n) for n in range(CLIENTS)])
    return sum(counts) / WINDOW


def _at_once(work: list[Callable[[], None]]) -> None:
    failures: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _batch(run: str, members: int) -> bytes:
    """A thousand, spread over members and names as in row 1, every one with an id of its own."""
    return orjson.dumps(
        [
            {"event_id": f"{run}-{n}", **_event(f"c-{int(members * (n * 0.6180339887 % 1) ** 1.7) + 1}", n)}
            for n in range(1000)
        ]
    )


def _event(external_id: str, n: int) -> dict[str, object]:
    return {
        "external_id": external_id,
        "name": NAMES[0] if n % 5 == 0 else NAMES[1 + n % 5],
        **({"amount": n % 9000 / 100} if n % 5 == 0 else {}),
        "properties": {"path": f"/p/{n % 997}", "category": "dairy", "channel": "web", "items": n % 7},
    }
