"""How far the computation of a new rule is, on the segment's page."""

import pytest
from django.test import Client

from segments.actions import background, edit_segment
from segments.models import Segment
from segments.tasks import compute_stale_rules
from tests.showcase import build_showcase
from tests.ui.conftest import sign_in
from urm.jobs.actions import cancel_job, step_next_job
from urm.jobs.models import Job
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

pytestmark = pytest.mark.django_db


def test_page_shows_progress_and_after_a_cancellation_how_to_go_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_showcase()
    monkeypatch.setattr(background, "SLICE", 1)
    sign_in(client, "marketer@acme.example.com")
    acme = Tenant.objects.get(slug="acme").pk
    with tenant_context(acme):
        segment = Segment.objects.filter(kind=Segment.Kind.DYNAMIC).earliest("pk")
        edit_segment(segment=segment, rule={"fact": "profile", "name": "city", "op": "is_missing"})
        compute_stale_rules()
        step_next_job()
    page = f"/w/acme/admin/segments/segment/{segment.pk}/change/"
    assert "recomputing " in client.get(page).content.decode()
    with tenant_context(acme):
        cancel_job(job=Job.objects.filter(kind=background.KIND).latest("pk"))
        step_next_job()
    assert "Compute it now" in client.get(page).content.decode()
    assert client.post(f"/w/acme/admin/segments/segment/{segment.pk}/compute/").status_code == 302
    with tenant_context(acme):
        assert Job.objects.filter(kind=background.KIND).latest("pk").is_open  # a new one
