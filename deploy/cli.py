"""The subcommands of run.py."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys

from deploy import services
from deploy.checks import run_checks
from deploy.environment import ensure_environment
from deploy.launcher import environment, local_settings, run_module
from deploy.make_secrets import secrets_command
from deploy.paths import ROOT, say
from deploy.requirements import export_lock
from deploy.showcase import demo_command


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py", description="Develop, try and measure URM on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", add_help=False, help="the whole product on a year of real purchases, in the browser")
    commands.add_parser("test", add_help=False, help="every check and test; arguments go to pytest")
    commands.add_parser("bench", add_help=False, help="measure the performance goals on this machine")
    commands.add_parser("capacity", add_help=False, help="servers and settings for a number of members and events")
    commands.add_parser("lock", help="write deploy/requirements/*.txt from uv.lock (needs uv)")
    commands.add_parser("secrets", help="make the secret files that docker-compose.yml names")
    servers = commands.add_parser("services", help="the embedded PostgreSQL and Valkey of this clone")
    servers.add_argument("action", choices=["up", "down", "status", "env"])
    chosen, rest = parser.parse_known_args(arguments)
    passing_on = {"demo": demo_command, "test": run_checks, "bench": bench_command, "capacity": capacity_command}
    try:
        if run := passing_on.get(chosen.command):
            return run(rest)
        if rest:
            parser.error(f"unknown arguments: {shlex.join(rest)}")
        if chosen.command == "services":
            return services_command(chosen.action)
        return lock_command() if chosen.command == "lock" else secrets_command()
    except KeyboardInterrupt:
        return 130


def services_command(action: str) -> int:
    match action:
        case "up":
            services.up()
        case "down":
            services.down()
        case "env":
            for name, value in (services.urls() | local_settings()).items():
                print(f"export {name}={shlex.quote(value)}")
        case "status":
            for name, state in services.status().items():
                print(f"{name}: {state}")
    return 0


def lock_command() -> int:
    subprocess.run(["uv", "lock"], cwd=ROOT, check=True)
    export_lock()
    say("deploy/requirements/ agrees with uv.lock")
    return 0


def bench_command(rest: list[str]) -> int:
    """The database gets a quarter of the memory, 4 GB at most, as a server of its own would; unless it is running."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    os.environ.setdefault("URM_SHARED_BUFFERS", f"{min(memory // 4, 4 << 30) >> 20}MB")
    ensure_environment("base", "services", "demo")
    with services.running() as urls:
        return run_module("deploy.bench", rest, environment(urls) | {"DEBUG": "false"})


def capacity_command(rest: list[str]) -> int:
    """Nothing but arithmetic: it needs neither servers nor packages."""
    return subprocess.run([sys.executable, "-m", "deploy.capacity", *rest], cwd=ROOT, check=False).returncode
