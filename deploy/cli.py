"""The subcommands of run.py."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys

from deploy import services
from deploy.environment import ensure_environment
from deploy.launcher import environment, local_settings, run_module
from deploy.paths import ROOT, say


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py", description="Develop, try and measure URM on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", add_help=False, help="the whole product on a year of real purchases, in the browser")
    commands.add_parser("test", add_help=False, help="every check and test; arguments go to pytest")
    commands.add_parser("bench", add_help=False, help="measure the performance goals of this machine")
    commands.add_parser("capacity", add_help=False, help="servers and settings for a number of members and events")
    commands.add_parser("lock", help="write deploy/requirements/*.txt from uv.lock (needs uv)")
    servers = commands.add_parser("services", help="the embedded PostgreSQL and Valkey of this clone")
    servers.add_argument("action", choices=["up", "down", "status", "env"])
    chosen, rest = parser.parse_known_args(arguments)
    if rest and chosen.command in {"services", "lock"}:
        parser.error(f"unknown arguments: {shlex.join(rest)}")
    try:
        match chosen.command:
            case "services":
                return services_command(chosen.action)
            case "lock":
                return lock_command()
            case "test":
                from deploy.checks import run_checks  # noqa: PLC0415

                return run_checks(rest)
            case "demo":
                from deploy.showcase import demo_command  # noqa: PLC0415

                return demo_command(rest)
            case command:
                return module_command(command, rest)
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
    from deploy.requirements import export_lock  # noqa: PLC0415

    subprocess.run(["uv", "lock"], cwd=ROOT, check=True)
    export_lock()
    say("deploy/requirements/ agrees with uv.lock")
    return 0


def module_command(name: str, rest: list[str]) -> int:
    """`bench` and `capacity` run in the project's environment, as modules of deploy/."""
    layers = ("base", "services", "demo") if name == "bench" else ("base", "services")
    ensure_environment(*layers)
    if name == "capacity":
        return run_module("deploy.capacity", rest, environment({}))
    with services.running() as urls:
        return run_module("deploy.bench", rest, environment(urls))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
