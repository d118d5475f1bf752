"""Diagrams drawn on the server as SVG: their numbers and where each shape stands, in pixels from the left upper corner.

Shapes carry no meaning that the table beside them lacks. Colours come from urm.ui.palette, ink from classes in ui.css.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from urm.ui.components import Text
from urm.ui.palette import GREY


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    filled: bool


@dataclass(frozen=True)
class Column:
    """One combination of sets: its bar, the dots beneath it and the line that ties the filled ones."""

    x: float
    bar_y: float
    bar_height: float
    count: int
    dots: Sequence[Dot]
    tie: tuple[float, float] | None


@dataclass(frozen=True)
class UpSet:
    """How sets overlap (Lex et al. 2014, UpSet): a bar for each combination, how many are in exactly those sets.

    `combinations` pairs the places of the sets in `labels` with a count; the largest `shown` are drawn.
    """

    title: Text
    labels: Sequence[Text]
    sizes: Sequence[int]
    combinations: Sequence[tuple[frozenset[int], int]]
    shown: int = 15

    LEFT, STEP, ROW, TOP, BARS = 190, 40, 28, 24, 140

    @property
    def width(self) -> int:
        return self.LEFT + self.STEP * max(1, len(self.columns)) + 8

    @property
    def height(self) -> int:
        return self.TOP + self.BARS + self.ROW * len(self.labels) + 12

    @property
    def base(self) -> int:
        return self.TOP + self.BARS

    @property
    def rows(self) -> list[tuple[Text, int, float, float, bool]]:
        """Label, size, middle and upper edge of each row, and whether it is shaded."""
        first = self.base + 8
        return [
            (label, self.sizes[at], first + self.ROW * (at + 0.5), first + self.ROW * at, at % 2 == 0)
            for at, label in enumerate(self.labels)
        ]

    @cached_property
    def columns(self) -> list[Column]:
        chosen = sorted(self.combinations, key=lambda one: (-one[1], sorted(one[0])))[: self.shown]
        highest = max((count for _sets, count in chosen), default=0) or 1
        found = []
        for at, (sets, count) in enumerate(chosen):
            x = self.LEFT + self.STEP * (at + 0.5)
            tall = round(self.BARS * count / highest, 1)
            dots = [Dot(x, self.base + 8 + self.ROW * (row + 0.5), row in sets) for row in range(len(self.labels))]
            filled = [dot.y for dot in dots if dot.filled]
            tie = (min(filled), max(filled)) if len(filled) > 1 else None
            found.append(Column(x, self.base - tall, tall, count, dots, tie))
        return found


@dataclass(frozen=True)
class Node:
    label: Text
    size: int
    color: str
    x: float
    y: float
    height: float
    left: bool

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Band:
    path: str
    color: str
    title: str


@dataclass(frozen=True)
class Sankey:
    """How a crowd moved from what stands at the left to what stands at the right. `flows` count by (from, to); the
    names of `labels` set the order, from above, on both sides."""

    title: Text
    labels: Mapping[str, Text]
    flows: Mapping[tuple[str, str], int]
    colors: Mapping[str, str] = field(default_factory=dict)

    WIDTH, SIDE, BAR, GAP, BODY = 620, 150, 14, 10, 320

    @cached_property
    def _drawn(self) -> tuple[list[Node], list[Band]]:
        total = sum(self.flows.values()) or 1
        sides = []
        for place in (0, 1):
            sizes = {
                name: sum(count for pair, count in self.flows.items() if pair[place] == name) for name in self.labels
            }
            sides.append({name: size for name, size in sizes.items() if size})
        most = max((len(side) for side in sides), default=1) or 1
        scale = (self.BODY - self.GAP * (most - 1)) / total
        nodes: list[Node] = []
        tops: list[dict[str, float]] = []
        for place, side in enumerate(sides):
            x = self.SIDE if place == 0 else self.WIDTH - self.SIDE - self.BAR
            y, top = 8.0, {}
            for name, size in side.items():
                tall = max(2.0, size * scale)
                nodes.append(
                    Node(
                        self.labels[name], size, self.colors.get(name, GREY), x, round(y, 1), round(tall, 1), not place
                    )
                )
                top[name] = y
                y += tall + self.GAP
            tops.append(top)
        order = list(self.labels)
        bands = []
        for (source, target), count in sorted(
            self.flows.items(), key=lambda one: (order.index(one[0][0]), order.index(one[0][1]))
        ):
            if not count:
                continue
            thick = count * scale
            start, end = tops[0][source], tops[1][target]
            tops[0][source] += thick
            tops[1][target] += thick
            path = _band(self.SIDE + self.BAR, start, self.WIDTH - self.SIDE - self.BAR, end, thick)
            title = f"{self.labels[source]} → {self.labels[target]}: {count:,}"
            bands.append(Band(path, self.colors.get(source, GREY), title))
        return nodes, bands

    @property
    def nodes(self) -> list[Node]:
        return self._drawn[0]

    @property
    def bands(self) -> list[Band]:
        return self._drawn[1]

    @property
    def height(self) -> float:
        return max((node.y + node.height for node in self.nodes), default=0) + 12


def _band(x1: float, y1: float, x2: float, y2: float, thick: float) -> str:
    """A ribbon with level ends."""
    half = (x1 + x2) / 2
    low1, low2 = y1 + thick, y2 + thick
    return (
        f"M{x1:.1f} {y1:.1f}C{half:.1f} {y1:.1f} {half:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        f"L{x2:.1f} {low2:.1f}C{half:.1f} {low2:.1f} {half:.1f} {low1:.1f} {x1:.1f} {low1:.1f}Z"
    )
