"""Starting the project's own programs with the environment they need."""

from __future__ import annotations

import os
import subprocess
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


def run_tool(command: Sequence[str], env: Mapping[str, str]) -> int:
    with subprocess.Popen(command, cwd=ROOT, env=dict(env)) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal told the child as well; it ends in its own way and we wait for it.
                continue


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
