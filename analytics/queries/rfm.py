"""The RFM grid: cells, the segments everybody knows by name, and the rule that frozen limits make of any part of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.models import RfmGrid
from urm.tenancy.context import require_tenant


@dataclass(frozen=True)
class Cell:
    """Buyers with one recency and frequency score; `amount` is their sum."""

    r: int
    f: int
    count: int
    amount: Decimal


@dataclass(frozen=True)
class Block:
    """Scores from `r[0]` to `r[1]` and from `f[0]` to `f[1]`, both included."""

    r: tuple[int, int]
    f: tuple[int, int]


@dataclass(frozen=True)
class Ready:
    """A segment everybody knows by name. Together they cover the grid, and no cell twice."""

    key: str
    title: str | Promise
    advice: str | Promise
    blocks: tuple[Block, ...]


READY: tuple[Ready, ...] = (
    Ready("champions", _("Champions"), _("Bought lately and often: thank them, ask them to recommend you."),
          (Block((5, 5), (4, 5)),)),
    Ready("loyal", _("Loyal customers"), _("Buy often: offer more of what they like, early."),
          (Block((3, 4), (4, 5)),)),
    Ready("potential_loyalists", _("Potential loyalists"), _("Recent, some purchases: invite them to the programme."),
          (Block((4, 5), (2, 3)),)),
    Ready("new", _("New customers"), _("Bought for the first time just now: help them to a good start."),
          (Block((5, 5), (1, 1)),)),
    Ready("promising", _("Promising"), _("Fairly recent, once: give a reason for a second purchase."),
          (Block((4, 4), (1, 1)),)),
    Ready("need_attention", _("Need attention"), _("Middling in all: a reminder with a date may do."),
          (Block((3, 3), (3, 3)),)),
    Ready("about_to_sleep", _("About to sleep"), _("Seldom and a while ago: show what is new."),
          (Block((3, 3), (1, 2)),)),
    Ready("at_risk", _("At risk of leaving"), _("Bought repeatedly, but long ago: write personally."),
          (Block((1, 2), (3, 4)),)),
    Ready("cannot_lose", _("Must not be lost"), _("Were among the best and stay away: call them."),
          (Block((1, 2), (5, 5)),)),
    Ready("hibernating", _("Hibernating"), _("Seldom and long ago: a cheap reminder, or none."),
          (Block((1, 2), (1, 2)),)),
)  # fmt: skip


def latest_grid() -> RfmGrid | None:
    return RfmGrid.objects.order_by("-day").first()


def cells() -> dict[tuple[int, int], Cell]:
    """By (r, f); cells without anybody are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r, f, count(*), sum(amount) FROM analytics_rfmscore WHERE tenant_id = %s GROUP BY r, f",
            [require_tenant()],
        )
        return {(r, f): Cell(r, f, count, amount) for r, f, count, amount in cursor.fetchall()}


def count_in(blocks: Iterable[Block], found: Mapping[tuple[int, int], Cell]) -> int:
    return sum(
        cell.count
        for block in blocks
        for (r, f), cell in found.items()
        if block.r[0] <= r <= block.r[1] and block.f[0] <= f <= block.f[1]
    )


def block_rule(grid: RfmGrid, blocks: Iterable[Block]) -> dict[str, Any]:
    """The rule of a part of the grid, by its frozen limits. Buyers with the same number of orders are then together,
    where equal sizes may have parted them: the count may differ, and the page says so."""
    parts = [_block(grid, block) for block in blocks]
    return {"version": 1, **parts[0]} if len(parts) == 1 else {"version": 1, "any": parts}


def is_empty(grid: RfmGrid, block: Block) -> bool:
    """Whether no number of orders lies in the block, because ties fill several scores."""
    above = grid.cuts["f"][block.f[1]] if block.f[1] < 5 else None
    below = grid.cuts["f"][block.f[0] - 1]
    return below is None or (above is not None and above <= below)


def _block(grid: RfmGrid, block: Block) -> dict[str, Any]:
    event, window = {"fact": "event", "name": grid.event}, {"window": {"days": grid.window_days}}
    days, orders = grid.cuts["r"], grid.cuts["f"]
    since = {**event, "measure": "days_since_last"}
    count = {**event, "measure": "count", **window}
    conditions = [{**since, "op": "lte", "value": days[block.r[0] - 1] if block.r[0] > 1 else grid.window_days}]
    if block.r[1] < 5 and days[block.r[1]] is not None:
        conditions.append({**since, "op": "gt", "value": days[block.r[1]]})
    conditions.append({**count, "op": "gte", "value": orders[block.f[0] - 1] if block.f[0] > 1 else 1})
    if block.f[1] < 5 and orders[block.f[1]] is not None:
        conditions.append({**count, "op": "lt", "value": orders[block.f[1]]})
    return {"all": conditions}
