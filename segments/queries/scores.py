"""How the scores of a workspace are spread."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from urm.tenancy.context import require_tenant

BINS = 10


@dataclass(frozen=True, slots=True)
class Spread:
    """Members with the score, its quartiles, and how many lie in each of some ranges."""

    count: int
    lower: float
    median: float
    upper: float
    bins: tuple[tuple[str, int], ...]


def spreads(up_to: Mapping[str, float]) -> dict[str, Spread]:
    """By name of the score; those that nobody has are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, count(*), percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY value::float8)"
            " FROM segments_score WHERE tenant_id = %s GROUP BY name",
            [require_tenant()],
        )
        totals = {name: (count, quartiles) for name, count, quartiles in cursor.fetchall() if name in up_to}
        cursor.execute(
            "SELECT s.name, least(w.bins - 1, floor(s.value * w.bins / w.top)::int) AS bin, count(*)"
            " FROM segments_score s JOIN unnest(%s::text[], %s::float8[], %s::int[]) w (name, top, bins)"
            " ON w.name = s.name WHERE s.tenant_id = %s GROUP BY 1, 2",
            [list(up_to), [_top(top) for top in up_to.values()], [_bins(top) for top in up_to.values()],
             require_tenant()],
        )  # fmt: skip
        counted = {(name, number): count for name, number, count in cursor.fetchall()}
    found = {}
    for name, (count, quartiles) in totals.items():
        top, many = _top(up_to[name]), _bins(up_to[name])
        width = top / many
        bins = tuple(
            (f"{number * width:g}" if width == 1 else f"{number * width:g}–{(number + 1) * width:g}",
             counted.get((name, number), 0))
            for number in range(many)
        )  # fmt: skip
        found[name] = Spread(count, float(quartiles[0]), float(quartiles[1]), float(quartiles[2]), bins)
    return found


def _top(up_to: float) -> float:
    return up_to + 1 if up_to < 100 else up_to


def _bins(up_to: float) -> int:
    """Whole numbers each have a range of their own."""
    return int(up_to) + 1 if up_to < 100 else BINS
