"""Row 2e: from an accepted event to the segment entry that the API shows, with web, worker and dispatcher running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from django.utils import timezone

from deploy.bench.table import Context, Row, measures
from deploy.demo import visits
from deploy.paths import ROOT
from deploy.services.state import free_port
from members.models import EventName
from segments.actions import create_segment, delete_segment
from urm.tenancy.context import tenant_context
from urm.tenancy.work import drain
from urm.ui.actions.keys import create_key, revoke_key

TRIES = 60
SIGNAL = "bench_signal"
SCOPES = ["events.write", "members.view", "segments.view"]


@measures("2e")
def reacting(context: Context) -> Row:
    tenant = context.medium
    for workspace in context.workspaces:
        drain(workspace.id)  # the system is to be idle
    with tenant_context(tenant.id):
        EventName.objects.get_or_create(name=SIGNAL)
        run = f"{timezone.now().timestamp():.0f}"
        rule = {"fact": "event", "name": SIGNAL, "measure": "count", "op": "gte", "value": 1}
        rule |= {"where": {"prop": "run", "op": "eq", "value": run}, "window": {"days": 7}}
        segment = create_segment(name=f"Signalled {run}", rule={"version": 1, **rule})
        key, token = create_key(name="bench", kind="sk", scopes=SCOPES)
    drain(tenant.id)
    try:
        with _system(context) as url:
            _try(url, token, f"c-{tenant.members}", segment.pk, run)  # workers import on their first task
            seconds = sorted(_try(url, token, f"c-{n + 1}", segment.pk, run) for n in range(TRIES))
    finally:
        with tenant_context(tenant.id):
            delete_segment(segment=segment)
            revoke_key(key=key)
    p95 = seconds[int(TRIES * 0.95) - 1]
    detail = f"median {median(seconds):.2f} s, longest {seconds[-1]:.2f} s of {TRIES}; {tenant.members:,} members"
    return context.row("2e", p95, detail)


def _try(url: str, token: str, external_id: str, segment_id: int, run: str) -> float:
    event = {"external_id": external_id, "name": SIGNAL, "properties": {"run": run}}
    status, answer = visits.call("POST", f"{url}/api/v1/events", token, event)
    accepted = time.perf_counter()
    if status != 202:
        raise RuntimeError(f"the API answered {status}: {answer}")
    while True:
        _status, answer = visits.call("GET", f"{url}/api/v1/members/{external_id}/segments", token)
        if any(segment["id"] == segment_id for segment in answer["segments"]):
            return time.perf_counter() - accepted
        if time.perf_counter() - accepted > 60:
            raise RuntimeError(f"{external_id} did not enter the segment within 60 s")
        time.sleep(0.01)


@contextmanager
def _system(context: Context) -> Iterator[str]:
    """Web, worker and dispatcher on the benchmark's database; tasks in a Valkey database of their own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    entrypoint = str(ROOT / "deploy/entrypoint")
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "REDIS_URL": urlsplit(context.redis_url)._replace(path="/14").geturl(),
        "PUBLIC_URL": url,
        "WEB_BIND": f"127.0.0.1:{port}",
        "DEBUG": "false",
    }
    commands = ([entrypoint, "web"], [entrypoint, "worker"], [sys.executable, "manage.py", "dispatch"])
    with tempfile.TemporaryFile() as log:
        programs = [
            subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
            for command in commands
        ]
        try:
            _until_it_answers(f"{url}/livez", programs)
            yield url
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-5000:])
            raise
        finally:
            for program in programs:
                program.send_signal(signal.SIGTERM)
            for program in programs:
                try:
                    program.wait(40)
                except subprocess.TimeoutExpired:
                    os.killpg(program.pid, signal.SIGKILL)
                    program.wait()


def _until_it_answers(url: str, programs: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and all(program.poll() is None for program in programs):
        try:
            if visits.fetch(url)[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("web, worker or dispatcher did not start")
