"""A job is stepped to its end, whatever happens on the way: nothing is lost, nothing doubled."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone, translation

from members.models import Tag
from tests.conftest import make_tenant
from tests.jobs import counting
from urm.audit.actor import Actor, acting_as
from urm.audit.models import AuditEntry
from urm.jobs.actions import cancel_job, retry_job, start_job, step_next_job
from urm.jobs.models import Job
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, Wakeup
from urm.tenancy.work import drain

SHOPKEEPER = Actor("staff", 7, "Ada")


@pytest.fixture(autouse=True)
def forget() -> None:
    counting.ended.clear()


def tags() -> list[str]:
    return list(Tag.objects.order_by("name").values_list("name", flat=True))


def start(label: str = "a", total: int = 3, **parameters: int) -> Job:
    with acting_as(SHOPKEEPER):
        return start_job(kind="tests.count", label=label, total=total, parameters=parameters)


def test_job_is_stepped_to_its_end(in_acme: Tenant) -> None:
    job = start()
    assert (job.state, job.started_by) == ("queued", "Ada")
    drain(in_acme.pk, names=["jobs"])
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == ("done", 3, 3)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert tags() == ["a 0", "a 1", "a 2"]
    assert counting.ended == [("a", "done")]
    assert list(AuditEntry.objects.values_list("verb", "actor_label")) == [("job.start", "Ada")]


def test_unknown_kind_is_refused(in_acme: Tenant) -> None:
    with pytest.raises(ValueError, match=r"tests\.nothing"):
        start_job(kind="tests.nothing")


def test_jobs_take_turns(in_acme: Tenant) -> None:
    start("a")
    start("b")
    for _ in range(4):
        step_next_job()
    assert tags() == ["a 0", "a 1", "b 0", "b 1"]


def test_cancelled_job_keeps_what_it_did_and_tells(in_acme: Tenant) -> None:
    job = start()
    step_next_job()
    cancel_job(job=job)
    drain(in_acme.pk, names=["jobs"])
    job.refresh_from_db()
    assert (job.state, job.done, tags(), counting.ended) == ("cancelled", 1, ["a 0"], [("a", "cancelled")])
    with pytest.raises(ValidationError) as refusal:
        cancel_job(job=job)
    assert refusal.value.code == "job_has_ended"


def test_step_that_breaks_is_rolled_back_and_tried_again_three_times(in_acme: Tenant) -> None:
    job = start(fail_at=1)
    for attempt in (1, 2):
        drain(in_acme.pk, names=["jobs"])
        job.refresh_from_db()
        assert (job.state, job.attempts, job.done) == ("running", attempt, 1)
        assert Wakeup.objects.get(tenant=in_acme, work="jobs").due_at <= job.due_at
        Job.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    drain(in_acme.pk, names=["jobs"])
    job.refresh_from_db()
    assert (job.state, tags()) == ("failed", ["a 0"])
    assert job.shown_message == "Something went wrong here; it has been logged. What was done stays."
    assert counting.ended == [("a", "failed")]


def test_job_that_failed_goes_on_where_it_stopped(in_acme: Tenant) -> None:
    job = start(refuse_at=1)
    drain(in_acme.pk, names=["jobs"])
    Job.objects.update(parameters={})
    retry_job(job=job)
    drain(in_acme.pk, names=["jobs"])
    job.refresh_from_db()
    assert (job.state, job.done, tags()) == ("done", 3, ["a 0", "a 1", "a 2"])
    with pytest.raises(ValidationError) as refusal:
        retry_job(job=job)
    assert refusal.value.code == "job_has_not_failed"


def test_refusal_is_told_in_the_language_of_the_reader(in_acme: Tenant) -> None:
    job = start(refuse_at=0)
    drain(in_acme.pk, names=["jobs"])
    job.refresh_from_db()
    assert (job.state, job.attempts, tags()) == ("failed", 1, [])
    with translation.override("zh-hans"):
        assert job.shown_message == translation.gettext("Must be one of: %(choices)s.") % {"choices": "0"}
        assert job.shown_message != "Must be one of: 0."


def test_kind_that_is_not_known_any_more_ends_as_failed(in_acme: Tenant) -> None:
    job = start()
    Job.objects.update(kind="tests.gone")
    drain(in_acme.pk, names=["jobs"])
    job.refresh_from_db()
    assert (job.state, job.kind_label) == ("failed", "tests.gone")


def test_job_that_another_worker_steps_is_left_alone(committed_db: None) -> None:
    tenant = make_tenant("shop")
    with tenant_context(tenant.pk):
        job = start()
        stepped: list[bool] = []

        def other_worker() -> None:
            with tenant_context(tenant.pk):
                stepped.append(step_next_job())
            connection.close()

        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"urm.jobs:{tenant.pk}:{job.pk}"]
                )
            thread = threading.Thread(target=other_worker)
            thread.start()
            thread.join(20)
        assert (stepped, tags()) == ([False], [])
        assert step_next_job()
        assert tags() == ["a 0"]


def test_cancelling_does_not_wait_for_the_step_that_runs(committed_db: None) -> None:
    """The step's transaction holds no row until its very end, and what it saves leaves the request to cancel alone."""
    tenant = make_tenant("shop")
    with tenant_context(tenant.pk):
        job = start()

        def other_worker() -> None:
            with tenant_context(tenant.pk):
                cancel_job(job=job)
            connection.close()

        with transaction.atomic():
            mine = Job.objects.get(pk=job.pk)
            thread = threading.Thread(target=other_worker)
            thread.start()
            thread.join(20)
            mine.save(update_fields=["done", "position"])
        drain(tenant.pk, names=["jobs"])
        assert Job.objects.values_list("state", "done").get() == ("cancelled", 0)
