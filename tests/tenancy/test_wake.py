"""Wake-ups outside a transaction, where one statement does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from urm.tenancy import work
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, Wakeup


@pytest.mark.usefixtures("committed_db")
def test_wake_outside_a_transaction_notes_the_earliest_moment_too() -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    now = timezone.now()
    with tenant_context(tenant.pk):
        for hours in (2, 1, 3):
            work.wake("count", now + timedelta(hours=hours))
    assert [(one.tenant_id, one.due_at) for one in Wakeup.objects.all()] == [(tenant.pk, now + timedelta(hours=1))]


@pytest.mark.usefixtures("committed_db")
def test_wake_after_its_note_was_taken_is_noted_again() -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    with tenant_context(tenant.pk):
        work.wake("count")
    assert work.claim_due() == [(tenant.pk, "count")]
    with tenant_context(tenant.pk):
        work.wake("count")
    assert work.claim_due() == [(tenant.pk, "count")]
