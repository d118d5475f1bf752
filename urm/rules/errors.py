"""What is wrong with a rule: every problem with its place, a sentence and a stable code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is the place inside the rule, e.g. `all[1].value`; the rule itself is `rule`."""

    path: str
    message: str
    code: str


class RuleError(ValueError):
    """A rule was refused. `problems` lists everything found; the first one stands in for the whole."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        first = self.problems[0]
        self.path, self.message, self.code = first.path, first.message, first.code
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in self.problems))
