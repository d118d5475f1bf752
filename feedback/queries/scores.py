"""Scores from counts of answers. Pure: `counts` maps each number that was answered to how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

Z = 1.959963984540054  # the 97.5 % quantile of the normal distribution, in short 1.96: intervals of 95 %


@dataclass(frozen=True, slots=True)
class Nps:
    """Net Promoter Score (Reichheld, HBR December 2003) in points from -100 to 100; None where nobody answered.

    The standard error is that of a difference of two shares of one sample; `low` and `high` are score ∓ margin.
    """

    n: int
    promoters: int
    passives: int
    detractors: int
    score: float | None
    standard_error: float | None

    @property
    def margin(self) -> float | None:
        return None if self.standard_error is None else Z * self.standard_error

    @property
    def low(self) -> float | None:
        return None if self.score is None or self.margin is None else self.score - self.margin

    @property
    def high(self) -> float | None:
        return None if self.score is None or self.margin is None else self.score + self.margin

    def enough(self, minimum: int) -> bool:
        """Whether the score may be shown."""
        return self.n >= minimum


@dataclass(frozen=True, slots=True)
class Share:
    """A share in percent with its Wilson interval; `mean` of all answers is a figure of its own."""

    n: int
    hits: int
    percent: float | None
    low: float | None
    high: float | None
    mean: float | None

    def enough(self, minimum: int) -> bool:
        return self.n >= minimum


def net_promoter_score(counts: Mapping[int, int]) -> Nps:
    """Promoters answer 9–10, passives 7–8, detractors 0–6."""
    promoters = sum(count for number, count in counts.items() if number >= 9)
    passives = sum(count for number, count in counts.items() if number in {7, 8})
    detractors = sum(count for number, count in counts.items() if number <= 6)
    n = promoters + passives + detractors
    if not n:
        return Nps(0, 0, 0, 0, None, None)
    p, d = promoters / n, detractors / n
    error = 100 * sqrt(max(0.0, p + d - (p - d) ** 2) / n)
    return Nps(n, promoters, passives, detractors, 100 * (promoters - detractors) / n, error)


def difference_of(first: Nps, second: Nps) -> float | None:
    """z of the difference between two independent surveys; None where it has no meaning."""
    if first.score is None or second.score is None or first.standard_error is None or second.standard_error is None:
        return None
    error = sqrt(first.standard_error**2 + second.standard_error**2)
    return (first.score - second.score) / error if error else None


def csat(counts: Mapping[int, int]) -> Share:
    """Customer satisfaction: share of answers 4 and 5 on a scale from 1 to 5."""
    n = sum(counts.values())
    hits = sum(count for number, count in counts.items() if number >= 4)
    if not n:
        return Share(0, 0, None, None, None, None)
    low, high = _wilson(hits, n)
    mean = sum(number * count for number, count in counts.items()) / n
    return Share(n, hits, 100 * hits / n, 100 * low, 100 * high, mean)


def _wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's score interval (1927) of a proportion."""
    share = hits / n
    centre = share + Z**2 / (2 * n)
    spread = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
