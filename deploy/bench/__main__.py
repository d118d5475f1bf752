"""Print the goals table of this machine and write results.json beside this file."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg2

from deploy.bench.table import GOALS, Context, Row, registered
from deploy.paths import say

DATABASE = "urm_bench"
RESULTS = Path(__file__).parent / "results.json"


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    original = {name: os.environ[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
    _make_database(original["DATABASE_OWNER_URL"])
    for name, url in original.items():
        os.environ[name] = _at(url, DATABASE)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "urm.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    django.setup()
    from deploy.bench import dataset, rows  # noqa: F401, PLC0415 - after setup; `rows` registers

    workspaces = dataset.prepare(members=options.members or dataset.MEMBERS, events=options.events or dataset.EVENTS)
    context = Context(
        workspaces,
        os.environ["DATABASE_OWNER_URL"],
        os.environ["DATABASE_URL"],
        os.environ["REDIS_URL"],
        options.rounds,
    )
    measured, broken = _measure(context, options.only)
    _print(measured, broken, asked=options.only)
    if not options.only:
        _write(context, measured, options.output)
    elif options.merge:
        _merge(measured, options.output)
    return 1 if broken else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), help="rows to measure, such as 1,2b")
    parser.add_argument("--members", type=int, help="size of the data set")
    parser.add_argument("--events", type=int, help="size of the data set")
    parser.add_argument("--rounds", type=int, default=5, help="times each pair is run")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where results go")
    parser.add_argument("--merge", action="store_true", help="with --only: put these rows into existing results")
    return parser.parse_args(arguments)


def _measure(context: Context, only: list[str] | None) -> tuple[dict[str, Row], dict[str, str]]:
    measured: dict[str, Row] = {}
    broken: dict[str, str] = {}
    for number, measure in sorted(registered().items()):
        if only and number not in only:
            continue
        started = time.perf_counter()
        try:
            measured[number] = measure(context)
        except Exception as error:  # one broken row must not hide the others
            traceback.print_exc()
            broken[number] = f"{type(error).__name__}: {error}".splitlines()[0]
        say(f"row {number} took {time.perf_counter() - started:.1f} s")
    return measured, broken


def _print(measured: dict[str, Row], broken: dict[str, str], *, asked: list[str] | None) -> None:
    print(f"\n{'#':<4}{'goal':<10}{'measured':>10}  {'':4}work")
    for number, goal in GOALS.items():
        if asked and number not in asked:
            continue
        if number in broken:
            print(f"{number:<4}{goal!s:<10}{'broken':>10}  {'✗':4}{goal.work}\n{'':30}{broken[number]}")
        elif number not in measured:
            print(f"{number:<4}{goal!s:<10}{'not built':>10}  {'':4}{goal.work}")
        else:
            row = measured[number]
            print(f"{number:<4}{goal!s:<10}{row.ratio:>10.4g}  {'✓' if row.met else '✗':4}{row.work}")
            print(f"{'':30}{row.detail}{'; ' + row.problem if row.problem else ''}")
    print()


def _write(context: Context, measured: dict[str, Row], output: Path) -> None:
    costs = {name: cost for row in measured.values() for name, cost in row.costs.items()}
    results = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "data": {one.slug: {"members": one.members, "events": one.events} for one in context.workspaces},
        "rows": {number: _plain(measured[number]) if number in measured else None for number in GOALS},
        "unit_costs": dict(sorted((_storage(context) | costs).items())),
    }
    output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    say(f"written to {output}")


def _merge(measured: dict[str, Row], output: Path) -> None:
    results = json.loads(output.read_text())
    for number, row in measured.items():
        results["rows"][number] = _plain(row)
        results["unit_costs"] |= row.costs
    output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def _plain(row: Row) -> dict[str, Any]:
    plain = asdict(row)
    del plain["costs"], plain["number"]
    plain["ratio"] = round(row.ratio, 5)
    return plain


def _storage(context: Context) -> dict[str, float]:
    """Bytes on disk, indexes included, per member and per event."""
    per = {
        "storage.member_bytes": (
            ("members_member", "members_identity", "members_consent", "members_memberstate"),
            sum(one.members for one in context.workspaces),
        ),
        "storage.event_bytes": (
            ("members_event", "members_eventkey", "members_daily"),
            sum(one.events for one in context.workspaces),
        ),
    }
    with context.owner() as cursor:
        costs = {}
        for name, (tables, rows) in per.items():
            cursor.execute(
                "SELECT sum(pg_total_relation_size(coalesce(t.relid, top::regclass))) "
                "FROM unnest(%s) top LEFT JOIN LATERAL pg_partition_tree(top::regclass) t ON true",
                [list(tables)],
            )
            costs[name] = round(float(cursor.fetchone()[0]) / rows, 1)
    return costs


def _machine() -> dict[str, Any]:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name IN ('shared_buffers', 'fsync', 'work_mem')")
        settings = dict(cursor.fetchall())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "python": sys.version.split()[0],
        "django": django.get_version(),
        "postgresql": version,
        "postgresql_settings": settings,
    }


def _make_database(owner_url: str) -> None:
    """The owner makes it from template1, which the preparation gave extensions and LEAKPROOF marks."""
    connection = psycopg2.connect(owner_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone()[0] == 0:
            cursor.execute(f"CREATE DATABASE {DATABASE}")
    connection.close()


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
