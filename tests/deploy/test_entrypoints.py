"""Every role of the image, started for real against PostgreSQL and Valkey, and stopped by SIGTERM."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from deploy.paths import ROOT
from deploy.services.state import free_port
from tests.workers import WORKER

ENTRYPOINT = str(ROOT / "deploy/entrypoint")
DATABASE = f"urm_entrypoints{WORKER}"


def at_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A database of its own, migrated by the entrypoint; secrets given by file, as in the containers."""
    owner = os.environ["DATABASE_OWNER_URL"]
    redis = urlsplit(os.environ["REDIS_URL"])
    secrets = tmp_path_factory.mktemp("secrets")
    values = {
        "DATABASE_URL": at_database(os.environ["DATABASE_URL"], DATABASE),
        "DATABASE_OWNER_URL": at_database(owner, DATABASE),
        "REDIS_URL": redis._replace(path=f"/{int(redis.path[1:] or 0) + 8}").geturl(),
        "SECRET_KEY": "only for this test",
        "EMAIL_URL": "smtp://127.0.0.1:1",
    }
    environment = {name: value for name, value in os.environ.items() if name not in values}
    for name, value in values.items():
        (secrets / name).write_text(f"{value}\n")
        environment[f"{name}_FILE"] = str(secrets / name)
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "DEBUG": "false",
    }

    def drop_and(create: bool) -> None:
        connection = psycopg2.connect(owner)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
            if create:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
        connection.close()

    drop_and(create=True)
    subprocess.run([ENTRYPOINT, "migrate", "--verbosity", "0"], env=environment, check=True, timeout=120)
    make = "from urm.tenancy.models import Tenant; Tenant.objects.create(slug='acme', name='Acme')"
    subprocess.run([ENTRYPOINT, "python", "manage.py", "shell", "-c", make], env=environment, check=True, timeout=60)
    yield environment
    drop_and(create=False)


@contextmanager
def running(env: Mapping[str, str], log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [ENTRYPOINT, *command],
            env=dict(env),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(condition: Callable[[], bool], log: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(60)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def counted_requests(url: str, route: str) -> float:
    """As all processes together report it."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(rf'urm_http_request_seconds_count{{[^}}]*route="{route}"[^}}]*}} (\S+)', text)
    return float(found[1]) if found else 0


def test_web_answers_and_stops(env: dict[str, str], tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "web.log"
    with running({**env, "WEB_BIND": f"127.0.0.1:{port}"}, log, "web") as web:
        until(lambda: status(f"http://127.0.0.1:{port}/livez") == 200, log)
        assert status(f"http://127.0.0.1:{port}/readyz") == 200
        assert counted_requests(f"http://127.0.0.1:{port}/metrics", "livez") >= 1
        assert stop(web) == 0


def test_web_refuses_to_serve_as_the_owner_of_the_tables(env: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with running({**env, "DATABASE_URL_FILE": env["DATABASE_OWNER_URL_FILE"]}, log, "web") as web:
        assert web.wait(120) == 1
    assert "tenancy.E001" in log.read_text()


def test_worker_does_what_the_dispatcher_finds_and_both_stop(env: dict[str, str], tmp_path: Path) -> None:
    worker_log, beat_log = tmp_path / "worker.log", tmp_path / "beat.log"
    with running(env, worker_log, "worker") as worker, running(env, beat_log, "beat") as beat:
        until(lambda: "beat: Starting" in beat_log.read_text(), beat_log)
        until(lambda: "dispatcher started" in beat_log.read_text(), beat_log)
        # The dispatcher's first sweep wakes every kind of work of every workspace.
        until(lambda: "Task urm.work" in (text := worker_log.read_text()) and "succeeded" in text, worker_log)
        until(lambda: "partitions ready" in beat_log.read_text(), beat_log)
        healthy = [sys.executable, "-m", "deploy.scheduler", "check"]
        assert subprocess.run(healthy, cwd=ROOT, check=False).returncode == 0
        assert stop(beat) == 0
        assert stop(worker) == 0
    assert "dispatcher stopped" in beat_log.read_text()
    assert "raised unexpected" not in worker_log.read_text()


def test_scheduler_ends_with_an_error_when_one_of_its_programs_dies(env: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "beat.log"
    with running({**env, "REDIS_URL_FILE": "/nowhere"}, log, "beat") as beat:
        assert beat.wait(120) == 1


def test_mail_catcher_answers_and_stops(env: dict[str, str], tmp_path: Path) -> None:
    smtp, web, log = free_port(), free_port(), tmp_path / "mail.log"
    folder = {"MAIL_FOLDER": str(tmp_path / "mail")}
    with running({**env, **folder}, log, "mail", "--smtp-port", str(smtp), "--web-port", str(web)) as mail:
        until(lambda: status(f"http://127.0.0.1:{web}/") == 200, log)
        assert stop(mail) == 0


def test_unknown_role_is_run_as_a_command(env: dict[str, str]) -> None:
    done = subprocess.run([ENTRYPOINT, "echo", "hello"], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n"
