"""The list of jobs, and the buttons of one."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.conftest import PASSWORD
from tests.jobs import counting  # noqa: F401 - registers the kind
from tests.jobs.test_actions import start
from urm.jobs.models import Job
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User
from urm.tenancy.work import drain

Staff = Callable[..., User]
pytestmark = pytest.mark.django_db


@pytest.fixture
def job(acme: Tenant) -> Job:
    with tenant_context(acme.pk):
        return start()


def signed_in(client: Client, email: str) -> Client:
    client.post("/login/", {"username": email, "password": PASSWORD})
    return client


def test_progress_is_told_as_json_and_says_where_to_go_at_the_end(
    client: Client, acme: Tenant, job: Job, staff: Staff
) -> None:
    staff(acme, "marketer")
    signed_in(client, "marketer@acme.example.com")
    address = f"/w/acme/admin/jobs/job/{job.pk}/progress/"
    assert client.get(address).json() == {"done": 0, "total": 3, "finished": False, "message": "waiting", "url": ""}
    drain(acme.pk, names=["jobs"])
    told = client.get(address).json()
    assert (told["done"], told["finished"]) == (3, True)
    assert told["url"] == f"/w/acme/admin/jobs/job/{job.pk}/change/"


def test_job_is_cancelled_by_who_may_change_its_things(client: Client, acme: Tenant, job: Job, staff: Staff) -> None:
    staff(acme, "viewer")
    staff(acme, "marketer")
    address = f"/w/acme/admin/jobs/job/{job.pk}/cancel/"
    assert signed_in(Client(), "viewer@acme.example.com").post(address).status_code == 403
    signed_in(client, "marketer@acme.example.com")
    answer = client.post(address, {"next": "https://elsewhere.example.com/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/w/acme/admin/jobs/job/{job.pk}/change/")
    with tenant_context(acme.pk):
        assert Job.objects.get(pk=job.pk).cancel_requested


def test_page_of_a_job_offers_to_cancel_it_only_while_it_runs(
    client: Client, acme: Tenant, job: Job, staff: Staff
) -> None:
    staff(acme, "marketer")
    signed_in(client, "marketer@acme.example.com")
    address = f"/w/acme/admin/jobs/job/{job.pk}/change/"
    shown = client.get(address).content.decode()
    assert ("data-ui-progress=" in shown, "Cancel this job?" in shown) == (True, True)
    drain(acme.pk, names=["jobs"])
    shown = client.get(address).content.decode()
    assert ("data-ui-progress=" in shown, "Cancel this job?" in shown) == (False, False)
