"""The one Celery task that does registered work for one workspace."""

from celery import shared_task

from urm.tenancy import work
from urm.tenancy.context import tenant_context


@shared_task(name="urm.work", ignore_result=True)
def do_work(tenant_id: int, name: str) -> None:
    """A wake-up may be delivered twice or never: the work itself claims rows, and the sweep repeats wake-ups."""
    if work.run_work(tenant_id, name):
        with tenant_context(tenant_id):
            work.wake(name)


def dispatch() -> int:
    """Start a task for every due wake-up; returns how many. The broker is only ever spoken to from here."""
    claimed = work.claim_due()
    registry = work.registered_work()
    for tenant_id, name in claimed:
        if name in registry:
            do_work.apply_async((tenant_id, name), queue=registry[name].queue, expires=600)
    return len(claimed)
