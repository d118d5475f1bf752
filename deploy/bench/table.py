"""The goals, what a measured row is, and what a row may ask for."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


@dataclass(frozen=True)
class Goal:
    """`at_least`: the ratio must not be below `limit`; otherwise it must not be above it."""

    work: str
    limit: float
    at_least: bool
    unit: str = ""

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}{self.unit}"

    def met_by(self, ratio: float) -> bool:
        return ratio >= self.limit if self.at_least else ratio <= self.limit


GOALS = {
    "1": Goal(
        "absorbing events ÷ COPY of the same rows into an identical table without row-level security", 0.45, True
    ),
    "1b": Goal("accepting batches of 1,000 through HTTP, one process: events/s ÷ absorbing", 1.0, True),
    "1c": Goal("accepting single events through HTTP ÷ an empty authenticated endpoint", 0.6, True),
    "2": Goal("full recompute of one rule incl. diff ÷ handwritten count of it", 1.25, False),
    "2b": Goal("50 segments in one pass ÷ 50 single handwritten counts", 0.65, False),
    "2c": Goal("50 rules, 1 % of members changed ÷ full", 0.03, False),
    "2c2": Goal("50 rules, .1 % of members changed ÷ full; afterwards 0 rows change", 0.005, False),
    "2d": Goal("growth exponent of full recompute, 50,000 to 500,000 members", 1.1, False),
    "2e": Goal("accepted event → segment entry visible through the API, p95", 2.0, False, " s"),
    "3": Goal("any dashboard KPI ÷ one scan of the events", 0.3, False),
    "4": Goal("creating deliveries for a segment ÷ bare INSERT … SELECT", 0.15, True),
    "4b": Goal("personalised e-mails to a fast SMTP sink, per core ÷ the sink's limit", 0.25, True),
    "5": Goal("hot queries with row-level security ÷ without (the worst)", 1.1, False),
    "6": Goal("one redemption's statements, spread ÷ TPC-B; overspends: 0", 1.0, True),
    "7": Goal("list page at depth 450,000 ÷ first page", 1.5, False),
    "8": Goal("importing a file, dry run and writing ÷ COPY of the rows it made and looking up their ids", 3.0, False),
}


@dataclass(frozen=True)
class Row:
    """A measured row. `problem` says why it fails although the ratio may be good (an overspend, a lost row)."""

    number: str
    work: str
    goal: str
    ratio: float
    detail: str
    met: bool
    problem: str = ""
    costs: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Workspace:
    """One workspace of the data set."""

    id: int
    slug: str
    members: int
    events: int


@dataclass(frozen=True)
class Context:
    """What rows work with. `workspaces`: largest first."""

    workspaces: tuple[Workspace, ...]
    owner_url: str
    app_url: str
    redis_url: str
    rounds: int = 5

    @property
    def large(self) -> Workspace:
        return self.workspaces[0]

    @property
    def medium(self) -> Workspace:
        return self.workspaces[1]

    def row(
        self, number: str, ratio: float, detail: str, *, problem: str = "", costs: dict[str, float] | None = None
    ) -> Row:
        goal = GOALS[number]
        met = goal.met_by(ratio) and not problem
        return Row(number, goal.work, str(goal), ratio, detail, met, problem, costs or {})

    def compare(
        self,
        ours: Callable[[], object],
        limit: Callable[[], object],
        *,
        rounds: int | None = None,
        warm_up: bool = True,
    ) -> tuple[float, float, float]:
        """Run both in turn (A B A B …): the median of the paired ratios, and both median durations in seconds."""
        if warm_up:
            ours()
            limit()
        pairs = []
        for _ in range(rounds or self.rounds):
            pairs.append((seconds(ours), seconds(limit)))
        return (
            median(a / b for a, b in pairs),
            median(a for a, _ in pairs),
            median(b for _, b in pairs),
        )

    @contextmanager
    def owner(self) -> Iterator[CursorWrapper]:
        """A cursor of the tables' owner outside any transaction: DDL, VACUUM, COPY into tables of one's own."""
        from django.db import connections  # noqa: PLC0415 - Django is set up later

        with connections["owner"].cursor() as cursor:
            yield cursor


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, without Python's garbage collector."""
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    finally:
        gc.enable()


class BackendClock:
    """CPU seconds of one database connection's server process, where the server runs on this machine; else wall time.

    What queries cost does not depend on who else uses the machine; how long they take does.
    """

    def __init__(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), coalesce(host(inet_server_addr()), '127.0.0.1')")
            pid, host = cursor.fetchone()
        self.file = Path(f"/proc/{pid}/schedstat")
        self.name = Path(f"/proc/{pid}/comm")
        self.local = host in {"127.0.0.1", "::1"} and self.file.exists() and "postgres" in self.name.read_text()

    def now(self) -> float:
        return int(self.file.read_text().split()[0]) / 1e9 if self.local else time.perf_counter()


Measure = Callable[[Context], Row]
_registry: dict[str, Measure] = {}


def measures(number: str) -> Callable[[Measure], Measure]:
    """Register the function that measures this row of the goals table."""
    if number not in GOALS:
        raise ValueError(f"There is no goal {number}.")

    def decorate(function: Measure) -> Measure:
        _registry[number] = function
        return function

    return decorate


def registered() -> dict[str, Measure]:
    return dict(_registry)
