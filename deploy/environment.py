"""The project's own `.venv`: made, filled and repaired without anything but Python (uv is used when it is there)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from deploy.paths import ROOT, VENV, VENV_PYTHON, locked, say
from deploy.requirements import fingerprint, requirements_file

# What is installed, by layer; written only after an installation came to its end.
STAMP = VENV / "urm-installed.json"
# Stands while an installation runs: found at the start, the last one was cut off and cannot be trusted.
UNFINISHED = VENV / "urm-unfinished"


def ensure_environment(*layers: str) -> Path:
    """Make `.venv` hold the locked packages of these layers; return its Python. Quick when there is nothing to do."""
    with locked("environment") as lock:
        if UNFINISHED.exists():
            say("the last installation was interrupted: making .venv anew")
            shutil.rmtree(VENV)
        if not _python_works():
            _create()
        installed = _installed()
        missing = [layer for layer in layers if installed.get(layer) != fingerprint(layer)]
        if missing:
            _install(missing, lock)
            installed |= {layer: fingerprint(layer) for layer in missing}
            STAMP.write_text(json.dumps(installed, indent=1))
            UNFINISHED.unlink()
    return VENV_PYTHON


def site_packages() -> Path | None:
    return next(iter(sorted(VENV.glob("lib/python3*/site-packages"))), None)


def _installed() -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return stamp


def _python_works() -> bool:
    if not VENV_PYTHON.exists():
        return False
    check = "import sys; raise SystemExit(sys.version_info < (3, 11))"
    return subprocess.run([VENV_PYTHON, "-c", check], capture_output=True, check=False).returncode == 0


def _create() -> None:
    if VENV.exists():
        say(".venv has no working Python 3.11 or newer: making it anew")
        shutil.rmtree(VENV)
    say(f"making .venv with Python {sys.version.split()[0]}")
    # `python3-venv` is missing on a bare Debian; an environment without pip of its own needs only the interpreter.
    plain = [sys.executable, "-m", "venv", str(VENV)]
    for command in (plain, [*plain, "--without-pip"]):
        VENV.mkdir()
        UNFINISHED.touch()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        shutil.rmtree(VENV, ignore_errors=True)
    raise SystemExit(f"could not make {VENV}:\n{done.stdout}{done.stderr}")


def _installer() -> list[str]:
    """uv, else the environment's own pip, else the pip beside the running Python."""
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", str(VENV_PYTHON)]
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    if _can_run([str(VENV_PYTHON), "-m", "pip", "--version"]):
        return [str(VENV_PYTHON), "-m", "pip", "install", *options]
    if _can_run([sys.executable, "-m", "pip", "--python", str(VENV_PYTHON), "--version"]):
        return [sys.executable, "-m", "pip", "--python", str(VENV_PYTHON), "install", *options]
    raise SystemExit(
        "neither uv nor pip was found. Install one of them: apt install python3-venv (or python3-pip), "
        "or see https://docs.astral.sh/uv/"
    )


def _can_run(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _install(layers: list[str], lock: int) -> None:
    started = time.perf_counter()
    say(f"installing the locked packages ({', '.join(layers)})")
    UNFINISHED.touch()
    command = [*_installer(), "--no-deps", "--require-hashes"]
    for layer in layers:
        command += ["-r", str(requirements_file(layer))]
    # A PYTHONPATH or an outer environment of the caller has no say in what is installed here.
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    # When this process is killed, the installer goes on: it keeps the lock, so that nobody repairs under its hands.
    if subprocess.run(command, cwd=ROOT, env=inherited, check=False, pass_fds=[lock]).returncode:
        raise SystemExit("the installation failed (see above); run the same command again to repair it")
    say(f"installed in {time.perf_counter() - started:.1f} s")
