"""How segments overlap."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connection

from segments.models import Segment
from urm.tenancy.context import require_tenant

MOST = 5


@dataclass(frozen=True, slots=True)
class Overlap:
    """`combinations` pairs places in `segments` with how many members are in exactly those of them, largest first."""

    segments: tuple[Segment, ...]
    sizes: tuple[int, ...]
    anywhere: int
    combinations: tuple[tuple[frozenset[int], int], ...]


def overlap(segments: Sequence[Segment]) -> Overlap:
    """One pass over the members' arrays of segments, for up to MOST of them. Each member counts in one combination."""
    chosen = tuple(segments)[:MOST]
    ids = [segment.pk for segment in chosen]
    if not ids:
        return Overlap((), (), 0, ())
    bits = " + ".join(f"(segment_ids @> ARRAY[{int(pk)}])::int * {1 << place}" for place, pk in enumerate(ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {bits}, count(*) FROM members_memberstate WHERE tenant_id = {require_tenant()}"
            " AND segment_ids && %s::int[] GROUP BY 1",
            [ids],
        )
        counted = {_places(mask): count for mask, count in cursor.fetchall()}
    sizes = tuple(sum(count for places, count in counted.items() if at in places) for at in range(len(ids)))
    ordered = tuple(sorted(counted.items(), key=lambda one: (-one[1], sorted(one[0]))))
    return Overlap(chosen, sizes, sum(counted.values()), ordered)


def combination_rule(segments: Sequence[Segment], inside: Collection[int]) -> dict[str, object]:
    """The rule of those who are in exactly the segments at the places `inside`."""
    conditions: list[dict[str, object]] = []
    for at, segment in enumerate(segments):
        held: dict[str, object] = {"fact": "segment", "id": segment.pk, "op": "is_true"}
        conditions.append(held if at in inside else {"not": held})
    return {"version": 1, "all": conditions}


def unused_name(name: str) -> str:
    """`name`, shortened to what a segment's name may be, with a number behind it where there is one already."""
    taken = set(Segment.objects.filter(name__startswith=name[:80]).values_list("name", flat=True))
    for number in range(1, 1000):
        tail = f" ({number})" if number > 1 else ""
        short = name if len(name) + len(tail) <= 100 else f"{name[: 99 - len(tail)]}…"
        if short + tail not in taken:
            return short + tail
    return name[:100]


def _places(mask: int) -> frozenset[int]:
    return frozenset(at for at in range(MOST) if mask >> at & 1)
