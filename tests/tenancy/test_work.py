"""Wake-ups: rows that start work, whatever happens to the broker."""

from datetime import timedelta

import pytest
from django.utils import timezone

from urm.tenancy import work
from urm.tenancy.context import current_tenant_id, tenant_context
from urm.tenancy.models import Tenant, Wakeup

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """A registry with one kind of work, which has three steps' worth to do; the tenants it ran for."""
    seen: list[int | None] = []

    def step() -> bool:
        seen.append(current_tenant_id())
        return len(seen) < 3

    monkeypatch.setattr(work, "_registry", {"count": work.Work("count", "stream", step)})
    return seen


def test_wake_notes_the_earliest_moment(in_acme: Tenant) -> None:
    now = timezone.now()
    for hours in (2, 1, 3):
        work.wake("count", now + timedelta(hours=hours))
    assert Wakeup.objects.get().due_at == now + timedelta(hours=1)


def test_claim_due_takes_each_wakeup_once(acme: Tenant, globex: Tenant) -> None:
    with tenant_context(acme.pk):
        work.wake("count")
    with tenant_context(globex.pk):
        work.wake("count", timezone.now() + timedelta(hours=1))
    assert work.claim_due() == [(acme.pk, "count")]
    assert work.claim_due() == []


def test_sweep_wakes_all_work_of_all_tenants(acme: Tenant, globex: Tenant, counted: list[int | None]) -> None:
    with tenant_context(acme.pk):
        work.wake("count", timezone.now() + timedelta(days=1))
    work.sweep()
    assert sorted(work.claim_due()) == [(acme.pk, "count"), (globex.pk, "count")]


def test_run_work_steps_until_nothing_is_left(acme: Tenant, counted: list[int | None]) -> None:
    assert work.run_work(acme.pk, "count") is False
    assert counted == [acme.pk] * 3


def test_run_work_stops_when_its_quantum_is_over(acme: Tenant, counted: list[int | None]) -> None:
    assert work.run_work(acme.pk, "count", seconds=-1) is True
    assert counted == [acme.pk]
