"""`run.py capacity`: the table on the terminal, the files beside docker-compose.yml."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from deploy.capacity.costs import Costs, benchmark_name, read_costs
from deploy.capacity.plan import Demand, make_plan
from deploy.capacity.render import MARK, compose_override, postgres_file, table
from deploy.paths import ROOT

RESULTS = ROOT / "deploy/bench/results.json"


def at_least_one(text: str) -> int:
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def write(file: Path, content: str) -> None:
    if file.exists() and not file.read_text().startswith(MARK):
        raise SystemExit(f"{file} was written by hand: move it away, or name another folder with --output")
    file.write_text(content)
    print(f"  wrote {file}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py capacity", description=__doc__)
    parser.add_argument("--members", type=at_least_one, required=True, help="in all workspaces")
    parser.add_argument("--events-per-day", type=at_least_one, required=True, help="on a busy day")
    parser.add_argument("--campaign", type=at_least_one, required=True, help="messages in the largest campaign")
    parser.add_argument("--within", type=at_least_one, required=True, metavar="MINUTES", help="it must be out by then")
    parser.add_argument("--campaigns-per-month", type=at_least_one, default=8, help="of that size (default 8)")
    parser.add_argument("--keep-months", type=at_least_one, default=25, help="events and deliveries (default 25)")
    parser.add_argument("--output", type=Path, default=ROOT, metavar="FOLDER", help="default: the project's root")
    parser.add_argument("--dry-run", action="store_true", help="write no files")
    options = parser.parse_args(arguments)
    demand = Demand(
        members=options.members,
        events_per_day=options.events_per_day,
        campaign=options.campaign,
        within_minutes=options.within,
        campaigns_per_month=options.campaigns_per_month,
        keep_months=options.keep_months,
    )
    costs, measured = read_costs(RESULTS)
    plan = make_plan(demand, costs)
    print(table(plan))
    assumed = sorted({benchmark_name(field.name) for field in fields(Costs)} - measured)
    if assumed:
        print(f"  assumed, not measured on this machine (python3 run.py bench): {', '.join(assumed)}")
    if not options.dry_run:
        write(options.output / "docker-compose.override.yml", compose_override(plan, demand))
        write(options.output / "postgresql.capacity.conf", postgres_file(plan, demand))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
