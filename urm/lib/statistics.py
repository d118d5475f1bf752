"""Intervals for shares of a sample."""

from math import sqrt

Z = 1.959963984540054  # of a 95 % interval


def wilson(successes: int, n: int) -> tuple[float, float] | None:
    """The 95 % score interval of a share (Wilson 1927); None without a sample."""
    if n <= 0:
        return None
    share = successes / n
    denominator = 1 + Z * Z / n
    centre = (share + Z * Z / (2 * n)) / denominator
    half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / denominator
    return max(0.0, centre - half), min(1.0, centre + half)
