"""`run.py test`: everything that must hold before a change goes in, in one command."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from deploy import services
from deploy.environment import ensure_environment
from deploy.launcher import environment, run_tool
from deploy.paths import VENV_PYTHON

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
NO_BROWSER = """
=====================================================================================
 BROWSER TESTS DID NOT RUN: no Chromium was found on this machine.
 Install one:  apt-get install chromium fonts-noto-cjk   (Debian, Ubuntu)
               .venv/bin/playwright install chromium     (elsewhere)
 or name yours: URM_CHROMIUM=/path/to/chromium python3 run.py test
====================================================================================="""


def run_checks(pytest_arguments: list[str]) -> int:
    """All checks, or only pytest where it got arguments. Every check runs, whatever became of the one before."""
    started = time.monotonic()
    ensure_environment("base", "services", "demo", "dev")
    browser = find_browser()
    with services.running() as urls:
        env = environment(_apart_from_the_demo(urls)) | {"URM_CHROMIUM": browser or ""}
        checks = [] if pytest_arguments else _static_checks()
        whole = all(argument.startswith("-") for argument in pytest_arguments)
        checks.append(("tests", ["-m", "pytest", *pytest_arguments, *(_parallel() if whole else [])]))
        failed = [name for name, arguments in checks if not _passes(name, arguments, env)]
    if not browser:
        print(NO_BROWSER, file=sys.stderr, flush=True)
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            failed.append("browser tests (CI runs them)")
    seconds = time.monotonic() - started
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all passed"
    missing = "" if browser else ", without browser tests"
    print(f"[urm] {len(checks)} checks in {seconds:.0f} s{missing}: {verdict}", flush=True)
    return 1 if failed else 0


def find_browser() -> str | None:
    """`URM_CHROMIUM`, else one that is installed, else the one that playwright brought."""
    if named := os.environ.get("URM_CHROMIUM"):
        if not Path(named).exists():
            raise SystemExit(f"URM_CHROMIUM names {named}, which does not exist")
        return named
    installed = [path for name in BROWSERS if (path := shutil.which(name))]
    installed += [place for place in BROWSER_PLACES if Path(place).exists()]
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    installed += [str(path) for path in sorted(cache.glob("chromium-*/chrome-linux*/chrome"), reverse=True)]
    return next(iter(installed), None)


def _static_checks() -> list[tuple[str, list[str]]]:
    tools = VENV_PYTHON.parent
    return [
        ("lint", ["-m", "ruff", "check", "."]),
        ("format", ["-m", "ruff", "format", "--check", "."]),
        ("types", ["-m", "mypy", "."]),
        ("imports", [str(tools / "lint-imports")]),
        ("migrations", ["manage.py", "makemigrations", "--check", "--dry-run"]),
        ("system checks", ["manage.py", "check"]),
    ]


def _parallel() -> list[str]:
    """A process per core, each with databases of its own; four at most, as a Valkey has sixteen."""
    return ["--numprocesses", str(min(os.cpu_count() or 1, 4)), "--dist", "worksteal"]


def _passes(name: str, arguments: list[str], env: dict[str, str]) -> bool:
    print(f"[urm] {name} …", flush=True)
    return run_tool([str(VENV_PYTHON), *arguments], env) == 0


def _apart_from_the_demo(urls: dict[str, str]) -> dict[str, str]:
    """Tests empty their Valkey database; a demo that is running on the same server has the first one."""
    if services.given("REDIS_URL"):
        return urls
    return urls | {"REDIS_URL": urls["REDIS_URL"].removesuffix("/0") + "/1"}
