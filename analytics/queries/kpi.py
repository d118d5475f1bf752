"""What a KPI is. Each stands in a file of its own under `kpis/`, found because it is there.

A KPI answers a Question (which local days, weeks or months; split by what) with Points, and carries its own
definition, unit and denominator: whoever shows a figure can say what it means.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Literal

from django.utils.functional import Promise

from analytics.models import Grain, KpiSettings
from analytics.queries.groups import DIMENSIONS
from analytics.queries.periods import Period, periods_between

Text = str | Promise
Value = int | float | Decimal

SMALL_SAMPLE = 30  # a share of fewer members is marked


class Unit(StrEnum):
    MEMBERS = "members"
    ORDERS = "orders"
    MONEY = "money"
    SHARE = "share"  # 0…1
    POINTS = "points"
    SCORE = "score"  # −100…100


@dataclass(frozen=True)
class Question:
    """Whole periods of `grain` that touch the local days [start, end), split by one of DIMENSIONS or not at all.

    `today` is the local day of asking: what has not ended by then is incomplete.
    """

    grain: str
    start: date
    end: date
    today: date
    by: str | None = None
    settings: KpiSettings = field(default_factory=KpiSettings.current)

    @property
    def periods(self) -> list[Period]:
        return list(periods_between(self.grain, self.start, self.end))


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value. None where the denominator is 0 or the figure is suppressed.

    `sample` is how many members, orders or answers it rests on. `offset` counts months (or days) after the period, in
    matrices only. `margin` is half of the 95 % interval, in the value's own unit.
    """

    period: Period
    value: Value | None
    numerator: Value | None = None
    denominator: Value | None = None
    sample: int = 0
    incomplete: bool = False
    key: str = ""
    offset: int | None = None
    margin: float | None = None

    @property
    def small_sample(self) -> bool:
        return self.denominator is not None and self.sample < SMALL_SAMPLE


class Kpi(ABC):
    """Subclasses fill the class attributes; `register()` makes them known by `name`."""

    name: ClassVar[str]
    label: ClassVar[Text]
    definition: ClassVar[Text]
    denominator: ClassVar[Text] = ""
    unit: ClassVar[Unit]
    grains: ClassVar[Sequence[str]] = (Grain.MONTH, Grain.WEEK, Grain.DAY, Grain.TOTAL)  # the first is the default
    dimensions: ClassVar[Sequence[str]] = tuple(DIMENSIONS)
    split: ClassVar[str | None] = None  # the dimension that the figure always comes in
    good_when: ClassVar[Literal["up", "down", "neither"]] = "up"
    shape: ClassVar[Literal["series", "matrix"]] = "series"
    offset_title: ClassVar[Text] = ""
    on_dashboard: ClassVar[bool] = True
    order: ClassVar[int] = 50

    @abstractmethod
    def points(self, question: Question) -> list[Point]: ...

    def circumstances(self, question: Question) -> list[str]:
        """Sentences on the settings that the figure depends on, to be shown with its definition."""
        return []


_registry: dict[str, Kpi] = {}


def register(kpi: type[Kpi]) -> type[Kpi]:
    if kpi.name in _registry:
        raise ValueError(f"A KPI named {kpi.name} is registered already.")
    _registry[kpi.name] = kpi()
    return kpi


def registered_kpis() -> list[Kpi]:
    return sorted(_registry.values(), key=lambda kpi: (kpi.order, kpi.name))


def kpi_named(name: str) -> Kpi | None:
    return _registry.get(name)


def share(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
