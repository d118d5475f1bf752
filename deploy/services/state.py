"""What is remembered between starts: ports, generated passwords, process identities."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from deploy.paths import state_folder

State = dict[str, Any]
LOCALHOST = "127.0.0.1"


def load_state() -> State:
    try:
        state: State = json.loads((state_folder() / "state.json").read_text())
    except FileNotFoundError:
        return {}
    return state


def save_state(state: State) -> None:
    """Whole or not at all, and readable by its owner only: it holds passwords."""
    target = state_folder() / "state.json"
    fresh = target.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(state, indent=1))
    fresh.replace(target)


def process_identity(pid: int | str) -> str | None:
    """The start time: with the pid it names one process for ever, so a recycled pid is never signalled.

    None for a zombie too: containers without an init process leave killed servers as zombies, and pg_ctl takes those
    for live ones.
    """
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return None if fields[0] in "ZX" else fields[19]
        return None
    listed = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = listed.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def is_alive(process: State) -> bool:
    """Whether the process remembered as {"pid", "identity"} still runs."""
    pid = process.get("pid")
    if not pid:
        return False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    identity = process_identity(pid)
    return identity is not None and identity == process.get("identity")


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOCALHOST, port), timeout=1):
        return True
    return False


def free_port(*preferred: int) -> int:
    """The first of the preferred ports that is free, else any."""
    for port in (*preferred, 0):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                candidate.bind((LOCALHOST, port))
                bound: int = candidate.getsockname()[1]
                return bound
    raise SystemExit("no free port on this machine")
