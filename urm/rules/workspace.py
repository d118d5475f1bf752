"""The rule language in the current workspace: its names, and the database."""

from __future__ import annotations

from typing import Any

from django.db import connection

from urm.rules.names import Names
from urm.rules.sqltext import Sql
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant


def current_names() -> Names:
    """The registry of the current workspace; make one per request or pass."""
    tenant = Tenant.objects.only("time_zone").get(pk=require_tenant())
    return Names(tenant.pk, tenant.time_zone)


def fetch(statement: Sql) -> list[tuple[Any, ...]]:
    """Run a statement and give back its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        return cursor.fetchall() if cursor.description else []


def execute(statement: Sql) -> int:
    """Run a statement; returns how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        return int(cursor.rowcount)
