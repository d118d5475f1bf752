"""What the components of `{% load ui %}` show. Plain data: panels and pages fill them, templates render them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from django.utils.functional import Promise

from urm.ui.palette import SERIES

Text = str | Promise
Number = int | float | Decimal


@dataclass(frozen=True)
class Tile:
    """One figure. `value` is shown as given (format it: urm.ui.formats); None reads “not enough data” with `note`.

    `change` is the relative change against the period before (0.12 = +12 %); `trend` the last values, oldest first.
    """

    label: Text
    value: Text | None
    definition: Text
    note: Text = ""
    change: float | None = None
    good_when: Literal["up", "down", "neither"] = "up"
    trend: Sequence[Number] = ()
    target: Text = ""
    url: str = ""
    icon: str = ""


@dataclass(frozen=True)
class Series:
    label: Text
    values: Sequence[Number | None]
    color: str = ""


@dataclass(frozen=True)
class Chart:
    """Every chart has a label, an axis title with its unit, and a table of its data; None values are gaps."""

    title: Text
    labels: Sequence[Text]
    series: Sequence[Series]
    x_title: Text
    y_title: Text
    kind: Literal["line", "bar", "stacked"] = "line"
    definition: Text = ""
    incomplete_last: bool = False  # the last period is still running
    height: Literal["short", "tall"] = "short"

    def as_json(self) -> dict[str, Any]:
        """What charts.js draws."""
        return {
            "kind": self.kind,
            "labels": [str(label) for label in self.labels],
            "series": [
                {
                    "label": str(one.label),
                    "values": [None if value is None else float(value) for value in one.values],
                    "color": one.color or SERIES[index % len(SERIES)],
                }
                for index, one in enumerate(self.series)
            ],
            "xTitle": str(self.x_title),
            "yTitle": str(self.y_title),
            "incompleteLast": self.incomplete_last,
        }

    def rows(self) -> list[tuple[Text, list[Number | None]]]:
        return [(label, [one.values[index] for one in self.series]) for index, label in enumerate(self.labels)]


@dataclass(frozen=True)
class HeatCell:
    """`share` is 0…1 and sets the shade; None leaves the cell empty. `incomplete` periods are hatched."""

    share: float | None
    incomplete: bool = False
    url: str = ""

    @property
    def shade(self) -> int:
        return min(10, max(0, round((self.share or 0) * 10)))

    @property
    def percent(self) -> str:
        return "" if self.share is None else f"{self.share * 100:.0f}%"


@dataclass(frozen=True)
class HeatRow:
    label: Text
    size: int
    cells: Sequence[HeatCell]


@dataclass(frozen=True)
class HeatMap:
    title: Text
    columns: Sequence[Text]
    rows: Sequence[HeatRow]
    row_title: Text
    size_title: Text
    definition: Text = ""


@dataclass(frozen=True)
class Step:
    """One step of a funnel: `count` people got this far."""

    label: Text
    count: int
    note: Text = ""
    url: str = ""


@dataclass(frozen=True)
class Progress:
    """State of a long job, as JSON for `{% progress_of url %}`."""

    done: int
    total: int
    finished: bool
    message: Text = ""
    url: str = ""  # where to go when finished

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"message": str(self.message)}


@dataclass(frozen=True)
class Fact:
    """A label with its value, for lists of facts about one thing."""

    label: Text
    value: Any
    url: str = ""
    definition: Text = ""


@dataclass(frozen=True)
class Empty:
    """What a list without rows says: what would be here, and the first thing to do."""

    title: Text
    text: Text
    icon: str = "inbox"
    action_url: str = ""  # a URL name; "" means the page's own “add”, where there is one
    action_label: Text = ""


@dataclass(frozen=True)
class ListButton:
    """A link above a list, for those who have `capability`."""

    label: str | Promise
    icon: str
    url_name: str
    capability: str
