"""Where things lie, and how the tools speak to the terminal."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"


def state_folder() -> Path:
    """The folder of this clone's servers, made on first use; two clones never share one.

    Not inside the project: Unix socket paths are limited to 107 bytes, and with root the project may lie under a 0700
    home that the unprivileged server account cannot enter.
    """
    tag = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    folder = Path(os.environ.get("URM_RUN_DIR") or f"/var/tmp/urm-{os.geteuid()}-{tag}")  # noqa: S108 - owner checked
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise SystemExit(f"{folder} belongs to someone else: remove it or set URM_RUN_DIR to a folder of your own")
    return folder


def say(*words: object) -> None:
    """Progress goes to stderr: stdout is for answers such as `services env`."""
    print("[urm]", *words, file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(name: str) -> Iterator[int]:
    """One at a time per clone; the kernel frees the lock when its holder dies.

    Yields the lock's file descriptor: a child that inherits it holds the lock too, until it has ended itself.
    """
    with (state_folder() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run.py is busy with the {name} of this clone; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
