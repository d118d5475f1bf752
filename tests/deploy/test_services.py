"""run.py and the embedded servers, in copies of the project that lie in a folder with spaces."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from deploy.paths import ROOT, VENV
from deploy.services.state import process_identity
from tests.workers import WORKER

# Operators of searches that must be able to use their indexes under row-level security.
SEARCHED = [
    *("@>(jsonb,jsonb)", "?(jsonb,text)", "&&(anyarray,anyarray)", "@>(anyarray,anyarray)", "=(citext,citext)"),
    *("~~(text,text)", "~~*(text,text)", "%(text,text)", "=(numeric,numeric)", ">=(numeric,numeric)"),
]
URLS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


@dataclass(frozen=True)
class Clone:
    folder: Path

    def env(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name not in URLS and not name.startswith("URM_")}
        return own | {"URM_RUN_DIR": str(self.folder / "state of servers")}

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self.folder / "run.py"), *arguments],
            cwd="/",
            env=self.env() | extra,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self, code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code], cwd=self.folder, env=self.env(), stdout=subprocess.PIPE, text=True
        )

    def urls(self) -> dict[str, str]:
        lines = self.run("services", "env").stdout.splitlines()
        return dict(line.removeprefix("export ").replace("'", "").split("=", 1) for line in lines)

    def server_pids(self) -> list[int]:
        """PostgreSQL's and Valkey's process."""
        postgres = next((self.folder / "state of servers").glob("postgres-*/postmaster.pid")).read_text()
        valkey = valkey_info(self.urls()["REDIS_URL"])
        return [int(postgres.splitlines()[0]), valkey]


def valkey_info(url: str) -> int:
    place = urlsplit(url)
    assert place.hostname
    with socket.create_connection((place.hostname, place.port or 0), timeout=5) as connection:
        connection.sendall(f"AUTH {place.password}\r\nINFO server\r\n".encode())
        answer = b""
        while b"process_id:" not in answer or not answer.endswith(b"\r\n"):
            answer += connection.recv(4096)
    return int(answer.split(b"process_id:")[1].split(b"\r")[0])


def make_clone(folder: Path) -> Clone:
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "run.py", folder)
    ignored = shutil.ignore_patterns("__pycache__", "bench", "demo", "secrets")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=ignored)
    (folder / ".venv").symlink_to(VENV)
    return Clone(folder)


@pytest.fixture
def clones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Clone]]:
    folder = tmp_path_factory.mktemp("at")  # short: a socket's path has 107 bytes
    # As root the servers' account must be able to pass through; a worker of a parallel run has one folder more.
    for parent in (folder, *list(folder.parents)[: 3 if WORKER else 2]):
        parent.chmod(0o755)
    made = [make_clone(folder / name) for name in ("first clone", "second clone")]
    yield made
    for clone in made:
        clone.run("services", "down")


def count_tables(url: str) -> int:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        row = cursor.fetchone()
    connection.close()
    assert row
    return int(row[0])


def test_old_python_can_parse_the_entry_point() -> None:
    source = (ROOT / "run.py").read_text()
    ast.parse(source, feature_version=(3, 4))
    assert source.isascii()
    # Whatever fails in a Python 2 must come after the check of the version.
    assert source.index("sys.version_info") < source.index("from deploy")


def test_two_clones_run_side_by_side_and_apart(clones: list[Clone]) -> None:
    starts = [clone.start("from deploy import services; services.up()") for clone in clones]
    assert [start.wait(60) for start in starts] == [0, 0]
    first, second = (clone.urls() for clone in clones)
    assert all(first[name] != second[name] for name in (*URLS, "SECRET_KEY"))
    connection = psycopg2.connect(first["DATABASE_OWNER_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mark ()")
    connection.close()
    assert [count_tables(urls["DATABASE_URL"]) for urls in (first, second)] == [1, 0]


def test_killed_servers_come_back_with_their_data(clones: list[Clone]) -> None:
    clone = clones[0]
    assert clone.run("services", "up").returncode == 0
    connection = psycopg2.connect(clone.urls()["DATABASE_OWNER_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mark ()")
    connection.close()
    for pid in clone.server_pids():
        os.kill(pid, signal.SIGKILL)
        while process_identity(pid):
            time.sleep(0.01)
    assert "down" in clone.run("services", "status").stdout
    again = clone.run("services", "up")
    assert again.returncode == 0, again.stderr
    assert count_tables(clone.urls()["DATABASE_URL"]) == 1


def test_last_user_stops_the_servers_and_a_killed_one_does_not_count(clones: list[Clone]) -> None:
    clone = clones[0]
    # A test run in the background of a shell hands on that Ctrl-C is to be ignored; these users must feel it.
    use = (
        "from deploy import services\nimport signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with services.running():\n    print('in', flush=True)\n    "
    )
    killed = clone.start(use + "time.sleep(60)")
    first = clone.start(use + "time.sleep(60)")
    for user in (killed, first):
        assert user.stdout
        assert user.stdout.readline() == "in\n"
    killed.kill()
    killed.communicate()
    second = clone.start(use + "pass")
    second.communicate(timeout=60)
    assert clone.run("services", "status").stdout.count(": up") == 2
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert clone.run("services", "status").stdout.count(": down") == 2


def test_servers_that_were_started_by_hand_stay(clones: list[Clone]) -> None:
    clone = clones[0]
    assert clone.run("services", "up").returncode == 0
    user = clone.start("from deploy import services\nwith services.running(): pass")
    assert user.wait(60) == 0
    assert clone.run("services", "status").stdout.count(": up") == 2


def test_urls_in_the_environment_replace_the_embedded_servers(clones: list[Clone]) -> None:
    given = {
        "DATABASE_URL": "postgres://app@db.example.com/urm",
        "DATABASE_OWNER_URL": "postgres://owner@db.example.com/urm",
        "REDIS_URL": "redis://cache.example.com/0",
    }
    assert clones[0].run("services", "up", **given).stderr == ""
    lines = clones[0].run("services", "env", **given).stdout.splitlines()
    assert lines[:3] == [f"export {name}={value}" for name, value in given.items()]


def test_own_urls_in_the_environment_do_not_keep_the_servers_down(clones: list[Clone]) -> None:
    """A shell that evaluated `services env` yesterday still starts them today."""
    clone = clones[0]
    clone.run("services", "up")
    exported = {name: value for name, value in clone.urls().items() if name in URLS}
    clone.run("services", "down")
    assert clone.run("services", "up", **exported).returncode == 0
    assert clone.run("services", "status", **exported).stdout.count(": up") == 2


def test_test_databases_made_by_the_owner_have_extensions_privileges_and_marks(clones: list[Clone]) -> None:
    clone = clones[0]
    clone.run("services", "up")
    urls = clone.urls()

    def at(name: str, role: str) -> psycopg2.extensions.connection:
        url = urls["DATABASE_OWNER_URL" if role == "owner" else "DATABASE_URL"]
        connection = psycopg2.connect(urlsplit(url)._replace(path=f"/{name}").geturl())
        connection.autocommit = True
        return connection

    owner = at("urm", "owner")
    with owner.cursor() as cursor:
        cursor.execute("CREATE DATABASE made_later")
    owner.close()
    inside = at("made_later", "owner")
    with inside.cursor() as cursor:
        cursor.execute("CREATE SCHEMA app CREATE TABLE t (id serial, a int[])")
    inside.close()
    application = at("made_later", "app")
    with application.cursor() as cursor:
        cursor.execute("INSERT INTO app.t (a) VALUES ('{1}') RETURNING id")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False)
        cursor.execute("SELECT array_agg(extname::text ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'")
        assert cursor.fetchone() == (["btree_gin", "citext", "pg_stat_statements", "pg_trgm"],)
        cursor.execute(
            "SELECT array_agg(o.oid::regoperator) FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode"
            " WHERE o.oid = ANY (%s::regoperator[]) AND NOT p.proleakproof",
            [SEARCHED],
        )
        assert cursor.fetchone() == (None,)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("CREATE TABLE public.mine ()")
    application.close()
