"""Tables that the computations start from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

_TABLES = """
SET TimeZone = 'UTC';
CREATE TABLE household AS SELECT unnest($households::BIGINT[]) AS id;
CREATE TABLE purchase AS
    SELECT household_id AS household, basket_id AS basket,
           (transaction_timestamp + to_days(7 * $weeks::INTEGER))::TIMESTAMPTZ AS moment,
           sum(round(sales_value * 100)::BIGINT) / 100.0 AS amount, sum(round(sales_value * 100)::BIGINT) AS cents,
           count(*) AS lines
    FROM read_parquet($transactions) SEMI JOIN household ON household_id = household.id GROUP BY 1, 2, 3;
CREATE TABLE coupon AS
    SELECT household_id AS household, (redemption_date + to_days(7 * $weeks::INTEGER))::TIMESTAMPTZ AS moment
    FROM read_parquet($redemptions) SEMI JOIN household ON household_id = household.id;
CREATE TABLE demographic AS
    SELECT * FROM read_parquet($demographics) SEMI JOIN household ON household_id = household.id;
"""


class Expected:
    """`zone`: the workspace's time zone. Amounts are whole cents here, so that nothing is rounded."""

    def __init__(self, folder: Path, *, households: list[int], weeks: int, zone: str) -> None:
        self.zone = zone
        self.db = duckdb.connect()
        values = {
            "households": households,
            "weeks": weeks,
            "transactions": str(folder / "transactions.parquet"),
            "redemptions": str(folder / "coupon_redemptions.parquet"),
            "demographics": str(folder / "demographics.parquet"),
        }
        for statement in _TABLES.split(";\n"):
            used = {name: value for name, value in values.items() if f"${name}" in statement}
            self.db.execute(statement, used)

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.db.execute(sql, values or None).fetchall()

    def one(self, sql: str, **values: Any) -> Any:
        [row] = self.rows(sql, **values)
        return row[0] if len(row) == 1 else row

    def ids(self, sql: str, **values: Any) -> set[str]:
        """External ids of households that a query selects."""
        return {str(row[0]) for row in self.rows(sql, **values)}

    def add_purchases(self, purchases: Iterable[tuple[int, datetime, Decimal]]) -> None:
        """Purchases that the demo itself sent: household, moment, amount."""
        for household, at, amount in purchases:
            self.db.execute(
                "INSERT INTO purchase VALUES ($household, -1, $at, $amount, $cents, 0)",
                {"household": household, "at": at, "amount": float(amount), "cents": int(amount * 100)},
            )
