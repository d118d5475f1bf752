"""Registered kinds of work, and the wake-ups that say which workspace has some.

A wake-up is a row, so nothing is lost with the broker: requests and actions call `wake()`, the dispatcher turns due
rows into Celery tasks, and a sweep over all workspaces catches whatever died between a commit and its wake-up.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from urm.tenancy.context import require_tenant, tenant_context
from urm.tenancy.models import Tenant, Wakeup

QUANTUM = 20.0  # seconds one tenant may work before others get their turn


@dataclass(frozen=True)
class Work:
    """`step` does one bounded piece for the current tenant and says whether there may be more."""

    name: str
    queue: str
    step: Callable[[], bool]


_registry: dict[str, Work] = {}


def register_work(name: str, *, queue: str) -> Callable[[Callable[[], bool]], Callable[[], bool]]:
    """Decorate the step of a kind of work. Queues: `stream` (the log), `send` (deliveries), `slow` (roll-ups)."""

    def decorate(step: Callable[[], bool]) -> Callable[[], bool]:
        _registry[name] = Work(name, queue, step)
        return step

    return decorate


def registered_work() -> dict[str, Work]:
    return dict(_registry)


_NOTE = """
INSERT INTO tenancy_wakeup (tenant_id, work, due_at) SELECT %(tenant)s, %(work)s, %(due_at)s {unless}
ON CONFLICT (tenant_id, work) DO UPDATE SET due_at = excluded.due_at WHERE tenancy_wakeup.due_at > excluded.due_at
"""
_NOTED = """
WHERE NOT EXISTS (SELECT FROM tenancy_wakeup WHERE tenant_id = %(tenant)s AND work = %(work)s AND due_at <= %(due_at)s)
"""


def wake(work: str, due_at: datetime | None = None) -> None:
    """Have `work` done for the current tenant, now or at `due_at`; an earlier wake-up that is noted already stays."""
    note: dict[str, int | str | datetime] = {
        "tenant": require_tenant(),
        "work": work,
        "due_at": due_at or timezone.now(),
    }
    if connection.in_atomic_block:
        # The row stays locked until the commit: whoever takes it then finds what this transaction wrote.
        with connection.cursor() as cursor:
            cursor.execute(_NOTE.format(unless=""), note)
        return
    # All is committed already. Then one read is enough where the note is there: whoever is taking it just now begins
    # after this moment. A platform table needs no tenant told, hence no transaction around the statement.
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute(_NOTE.format(unless=_NOTED), note)


def wake_after_commit(work: str, due_at: datetime | None = None) -> None:
    """`wake` once the transaction is committed, for the tenant that is current now."""
    tenant_id = require_tenant()

    def later() -> None:
        with tenant_context(tenant_id):
            wake(work, due_at)

    transaction.on_commit(later)


def claim_due(limit: int = 1000) -> list[tuple[int, str]]:
    """Take the due wake-ups off the table: (tenant id, work). What is lost after this, the sweep finds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM tenancy_wakeup WHERE id IN (SELECT id FROM tenancy_wakeup WHERE due_at <= %s ORDER BY due_at "
            "LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING tenant_id, work",
            [timezone.now(), limit],
        )
        return list(cursor.fetchall())


def sweep() -> None:
    """Wake every kind of work of every workspace; a step that finds nothing due sets its alarm anew."""
    now = timezone.now()
    Wakeup.objects.bulk_create(
        [
            Wakeup(tenant_id=tenant_id, work=work, due_at=now)
            for tenant_id in Tenant.objects.values_list("id", flat=True)
            for work in _registry
        ],
        update_conflicts=True,
        update_fields=["due_at"],
        unique_fields=["tenant", "work"],
    )


def run_work(tenant_id: int, name: str, *, seconds: float = QUANTUM) -> bool:
    """Step until nothing is left or the quantum is over; True when there may be more."""
    work = _registry[name]
    until = time.monotonic() + seconds
    with tenant_context(tenant_id):
        while work.step():
            if time.monotonic() > until:
                return True
    return False


def drain(tenant_id: int, *, names: list[str] | None = None) -> None:
    """Do all of a tenant's work here and now, in this process: for commands, the demo and tests."""
    busy = True
    while busy:
        busy = False
        for name in names or list(_registry):
            with tenant_context(tenant_id):
                while _registry[name].step():
                    busy = True
