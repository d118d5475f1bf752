"""Kinds of data that a workspace may keep for so many days only. Apps add theirs in `privacy.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils.functional import Promise

from urm.tenancy.context import require_tenant


@dataclass(frozen=True)
class Retention:
    """`count` says how much is older than a moment; `remove` takes up to so many of it away and says how many it took.

    Both work for the current tenant. A period below `least_days` is refused.
    """

    name: str
    label: str | Promise
    effect: str | Promise
    count: Callable[[datetime], int]
    remove: Callable[[datetime, int], int]
    least_days: int = 30


_kinds: dict[str, Retention] = {}


def keep_for_a_time(retention: Retention) -> None:
    if retention.name in _kinds:
        raise ValueError(f"{retention.name} is registered twice.")
    _kinds[retention.name] = retention


def kinds_of_retention() -> dict[str, Retention]:
    return dict(_kinds)


def counting(table: str, condition: str) -> Callable[[datetime], int]:
    """`condition` over the table t; %(before)s is the moment, {tenant} the literal."""

    def count(before: datetime) -> int:
        statement = f"SELECT count(*) FROM {table} t WHERE t.tenant_id = {{tenant}} AND {condition}"
        with connection.cursor() as cursor:
            cursor.execute(statement.format(tenant=require_tenant()), {"before": before})
            return int(cursor.fetchone()[0])

    return count


def running(statement: str) -> Callable[[datetime, int], int]:
    """`statement` changes up to %(limit)s rows; what it touched is what went."""

    def remove(before: datetime, limit: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement.format(tenant=require_tenant()), {"before": before, "limit": limit})
            return int(cursor.rowcount)

    return remove
