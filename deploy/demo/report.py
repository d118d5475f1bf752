"""What the terminal shows: a progress bar per step and the closing table."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
WIDTH = 30


@dataclass(frozen=True)
class Check:
    """`problem` is empty when the platform's figure equals the independent one."""

    name: str
    problem: str = ""


@dataclass
class Outcome:
    """What a step did and whether it agrees with the independent computation."""

    title: str
    count: str = ""
    seconds: float = 0.0
    checks: list[Check] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.checks) and not any(check.problem for check in self.checks)

    def equal(self, name: str, actual: Any, expected: Any) -> None:
        """Compare figures, or sets and mappings, of which only the first differences are shown."""
        problem = "" if actual == expected else _difference(actual, expected)
        self.checks.append(Check(name, problem))

    def holds(self, name: str, truth: bool, otherwise: str = "it is not so") -> None:
        self.checks.append(Check(name, "" if truth else otherwise))


def _difference(actual: Any, expected: Any) -> str:
    if isinstance(actual, set) and isinstance(expected, set):
        return (
            f"{len(actual)} instead of {len(expected)}; too many: {_some(actual - expected)}; "
            f"missing: {_some(expected - actual)}"
        )
    if isinstance(actual, dict) and isinstance(expected, dict):
        wrong = {key for key in actual.keys() | expected.keys() if actual.get(key) != expected.get(key)}
        some = sorted(wrong, key=str)[:3]
        return f"{len(wrong)} differ: " + ", ".join(
            f"{key}: {actual.get(key)!r} instead of {expected.get(key)!r}" for key in some
        )
    return f"{actual!r} instead of {expected!r}"


def _some(values: set[Any]) -> str:
    return ", ".join(map(str, sorted(values, key=str)[:5])) or "none"


class Bar:
    """One line that fills up; without a terminal it is written once, when done."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.started = time.perf_counter()
        self.tty = sys.stderr.isatty()
        self.shown_at = 0.0

    def over(self, rows: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
        """Pass the rows on and count them."""
        total = total if total is not None else len(rows) if isinstance(rows, Sized) else 0
        for number, row in enumerate(rows, 1):
            yield row
            self.show(what, number, total)
        self.show(what, total, total, force=True)

    def show(self, what: str, done: int = 0, total: int = 0, *, force: bool = False) -> None:
        now = time.perf_counter()
        if not self.tty or (not force and now - self.shown_at < 0.1):
            return
        self.shown_at = now
        share = min(done / total, 1.0) if total else 0.0
        bar = "█" * int(share * WIDTH) + "░" * (WIDTH - int(share * WIDTH))
        text = f"{self.title:<34.34} {bar} {share:>4.0%} {now - self.started:5.0f} s  {what}"
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    def finish(self, outcome: Outcome) -> None:
        outcome.seconds = time.perf_counter() - self.started
        mark = "✓" if outcome.passed else "✗"
        line = f"{self.title:<34.34} {'█' * WIDTH} 100% {outcome.seconds:5.0f} s  {mark}"
        sys.stderr.write(f"\r\x1b[K{line}\n" if self.tty else f"{line}\n")
        for check in outcome.checks:
            if check.problem:
                sys.stderr.write(f"    ✗ {check.name}: {check.problem}\n")
        sys.stderr.flush()


def table(outcomes: list[Outcome]) -> str:
    head = f"{'step':<36}{'count':<52}{'seconds':>8}  check"
    lines = [head, "─" * len(head)]
    for outcome in outcomes:
        good = sum(not check.problem for check in outcome.checks)
        mark = f"{'✓' if outcome.passed else '✗'} {good} of {len(outcome.checks)}"
        lines.append(f"{outcome.title:<36}{outcome.count:<52.52}{outcome.seconds:>8.1f}  {mark}")
    return "\n".join(lines)
