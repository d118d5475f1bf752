"""Starting the project's own programs with the environment they need."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from deploy.paths import ROOT, VENV_PYTHON, state_folder


def environment(urls: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment, completed for this machine; what the caller set wins (see `services.given`)."""
    local = {
        **local_settings(),
        "PYTHONUNBUFFERED": "1",
        # Neither the platform nor its tools may look into an outer environment of the caller.
        "VIRTUAL_ENV": str(VENV_PYTHON.parent.parent),
        "PATH": f"{VENV_PYTHON.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**local, **own, **urls, "PATH": local["PATH"], "VIRTUAL_ENV": local["VIRTUAL_ENV"]}


def run_module(module: str, arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a module with the environment's Python, from the project's root; its output is ours."""
    return run_tool([str(VENV_PYTHON), "-m", module, *arguments], env)


class Terminated(KeyboardInterrupt):
    """SIGTERM: unlike Ctrl-C in a terminal, only this process was told."""


def run_tool(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Run to the end. Interrupted, it lets the child end in its own way first and then passes the interruption on."""
    interruption: KeyboardInterrupt | None = None
    with subprocess.Popen(command, cwd=ROOT, env=dict(env), preexec_fn=die_with_parent) as process:  # noqa: PLW1509
        while process.returncode is None:
            try:
                process.wait()
            except KeyboardInterrupt as signalled:
                interruption = signalled
                if isinstance(signalled, Terminated):
                    process.terminate()
    if interruption:
        raise interruption
    return process.returncode


def die_with_parent() -> None:
    """To be called in a child before it starts (run.py has no threads).

    On Linux the kernel then sends it SIGTERM when its parent dies, however that died.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def local_settings() -> dict[str, str]:
    """What the platform must be told besides its servers, for work on this machine only."""
    return {"DEBUG": "true", "SECRET_KEY": _local_secret()}


def _local_secret() -> str:
    """Generated once per clone: log-ins and signed links survive a restart."""
    file = state_folder() / "secret-key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(os.urandom(32).hex())
    return file.read_text()
