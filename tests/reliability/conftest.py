"""Real workers, dispatchers and web servers on the test database, with a Valkey of their own to stop and to flush."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.utils import timezone

from deploy.paths import ROOT
from deploy.services import valkey as servers
from deploy.services.state import free_port
from members.actions import accept_events, canonical_event
from tests.conftest import make_tenant
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

PASSWORD = "only-for-tests"


class Valkey:
    """A server that a test may stop, start again and empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        binary = servers._binary()
        if binary is None:
            pytest.skip("no Valkey on this machine")
        self.process = servers._spawn(binary, self.folder, self.port, PASSWORD)
        eventually(lambda: "PONG" in self.ask("PING"), 20)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.process = None

    def ask(self, *commands: str) -> str:
        return servers._talk({"port": self.port, "password": PASSWORD}, *commands)


@dataclass
class Programs:
    """Processes of the product; `kill` is -9 for a program and all its children."""

    env: dict[str, str]
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", str(ROOT / "deploy/entrypoint"), "worker")

    def dispatcher(self) -> subprocess.Popen[bytes]:
        return self.start("dispatch", sys.executable, "manage.py", "dispatch", "--every", "0.1", "--sweep-every", "2")

    def web(self, port: int) -> subprocess.Popen[bytes]:
        self.env |= {"WEB_BIND": f"127.0.0.1:{port}", "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        process = self.start("web", str(ROOT / "deploy/entrypoint"), "web")
        eventually(lambda: _answers(port), 40)
        return process

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}-{len(self.running)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        self.running.remove(process)

    def logs(self) -> str:
        return "\n".join(f"--- {file.name}\n{file.read_text()[-2000:]}" for file in sorted(self.folder.glob("*.log")))


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def eventually(condition: Callable[[], bool], seconds: float, explain: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s\n{explain()}"
        time.sleep(0.02)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    folder = tmp_path / "valkey"
    folder.mkdir()
    server = Valkey(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def programs(committed_db: None, valkey: Valkey, tmp_path: Path) -> Iterator[Programs]:
    folder = tmp_path / "logs"
    folder.mkdir()
    name = connections["default"].settings_dict["NAME"]
    env = {
        **os.environ,
        "DATABASE_URL": urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl(),
        "DATABASE_OWNER_URL": urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path=f"/{name}").geturl(),
        "REDIS_URL": valkey.url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "DEBUG": "false",
    }
    started = Programs(env, folder)
    yield started
    for process in list(started.running):
        started.kill(process)


@pytest.fixture
def shop(programs: Programs) -> Iterator[Tenant]:
    """A workspace whose rows are really committed."""
    tenant = make_tenant("shop", time_zone="America/New_York")
    with tenant_context(tenant.pk):
        yield tenant


def post(numbers: range) -> None:
    """Purchases of 1.00 by 500 members, each with an event id, in requests of 1,000."""
    moment = timezone.now()
    for start in range(numbers.start, numbers.stop, 1000):
        events = [
            {"event_id": f"e{n}", "external_id": f"c{n % 500}", "name": "purchase", "amount": 1}
            for n in range(start, min(start + 1000, numbers.stop))
        ]
        accept_events([canonical_event(event, trusted=True, now=moment) for event in events])
