"""Periods are set by people, previewed, and kept at night in slices; all of it is audited."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign, Delivery, Message, Run
from feedback.actions import create_survey, submit_response
from feedback.models import Answer
from members.actions import (
    MemberError,
    accept_events,
    canonical_event,
    let_go,
    preview_retention,
    set_retention,
    upsert_member,
)
from members.models import Event, Import, Member, RetentionPeriod
from segments.models import Segment
from tests.ui.conftest import sign_in
from urm.audit.actions import record
from urm.audit.models import AuditEntry
from urm.jobs.files import CSV, new_file
from urm.jobs.models import File, Job
from urm.privacy.retention import kinds_of_retention
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

LONG_AGO = datetime(2024, 5, 1, 12, tzinfo=UTC)
NIGHT = datetime(2026, 12, 24, 9, tzinfo=UTC)  # four in the morning in New York


@pytest.fixture
def night() -> Iterator[None]:
    with time_machine.travel(NIGHT, tick=True):
        yield


@pytest.fixture
def old_things(in_acme: Tenant, night: None) -> None:
    """One old and one new of every kind."""
    for moment, name in ((LONG_AGO, "old"), (NIGHT, "new")):
        with time_machine.travel(moment, tick=False):
            member, _created = upsert_member(external_id=name, traits={"city": "Boston"})
            event = {"external_id": name, "name": "visit", "properties": {"page": "/x"}}
            accept_events([canonical_event(event, trusted=True, now=timezone.now())])
            drain(in_acme.pk)
            record(verb="note.write", target=member, target_label=name)
            keep_files(name, moment)
    survey = create_survey(
        name="Q",
        active=True,
        title_en="Q",
        title_zh="问",
        questions=[{"kind": "text", "text_en": "?", "text_zh": "？"}],
    )
    [question] = survey.questions.all()
    segment = Segment.objects.create(name="S", kind="static", stale=False)
    message = Message.objects.create(name="M", subject="M", body="M")
    for moment, name in ((LONG_AGO, "old"), (NIGHT, "new")):
        member = Member.objects.get(external_id=name)
        submit_response(survey=survey, answers={question.pk: name}, source="api", member=member, at=moment)
        campaign = Campaign.objects.create(name=name, segment=segment, message=message)
        run = Run.objects.create(campaign=campaign, fire_at=moment, finished_at=moment)
        Delivery.objects.bulk_create([Delivery(run_id=run.pk, member_id=member.pk, state="sent")])
    drain(in_acme.pk)
    Member.objects.filter(external_id="old").update(updated_at=LONG_AGO)
    with connection.cursor() as cursor:  # what the answer and the message wrote today
        cursor.execute(
            "DELETE FROM members_daily d USING members_eventname n "
            "WHERE n.id = d.name_id AND n.platform AND d.tenant_id = n.tenant_id"
        )


def keep_files(name: str, moment: datetime) -> None:
    """An export and an import of then, with files that would be kept for years."""
    written, given = (
        new_file(name=f"{name}{part}.csv", content_type=CSV, capability="members.view", keep=timedelta(days=4000))
        for part in ("", "-in")
    )
    File.objects.filter(pk__in=[written.pk, given.pk]).update(created_at=moment)
    Job.objects.create(
        kind="export",
        label=name,
        state="done",
        parameters={"q": name},
        position={"file": written.pk},
        result={"rows": 1},
        started_by_kind="system",
        created_at=moment,
        finished_at=moment,
    )
    Import.objects.create(
        name=name, state="done", file_id=given.pk, created_at=moment, undo_until=NIGHT + timedelta(days=10)
    )


KINDS = (
    *("answers", "audit", "deliveries", "events", "export_files", "import_files", "inactive_members", "job_results"),
    "jobs",
)


@pytest.mark.parametrize("kind", KINDS)
def test_old_goes_and_new_stays(old_things: None, in_acme: Tenant, kind: str) -> None:
    days = 400
    expected = preview_retention(periods={kind: days})[kind]
    assert expected > 0
    set_retention(periods={kind: days})
    before = AuditEntry.objects.filter(verb="retention.run").count()
    drain(in_acme.pk, names=["retention"])
    assert preview_retention(periods={kind: days}) == {kind: 0}
    period = RetentionPeriod.objects.get()
    assert (period.removed, period.ran_on) == (expected, NIGHT.date())
    assert AuditEntry.objects.filter(verb="retention.run").count() == before + 1
    left = {
        "answers": lambda: sorted(str(one.text) for one in Answer.objects.all()) == ["", "new"],
        "audit": lambda: AuditEntry.objects.filter(target_label__in=["old", "new"]).count() == 1,
        "deliveries": lambda: Delivery.objects.count() == 1,
        "events": lambda: Event.objects.filter(properties={"page": "/x"}).count() == 1,
        "export_files": lambda: (
            set(File.objects.values_list("name", flat=True)) == {"new.csv", "old-in.csv", "new-in.csv"}
        ),
        "import_files": lambda: (
            set(File.objects.values_list("name", flat=True)) == {"old.csv", "new.csv", "new-in.csv"}
            and Import.objects.get(name="old").undo_until <= timezone.now()  # type: ignore[operator]
            and Import.objects.get(name="new").undo_until > timezone.now()  # type: ignore[operator]
        ),
        "job_results": lambda: (
            list(Job.objects.order_by("created_at").values_list("label", "kind", "parameters", "result"))
            == [("", "export", {}, {}), ("new", "export", {"q": "new"}, {"rows": 1})]
        ),
        "inactive_members": lambda: (
            set(Member.objects.filter(erasure_requested_at=None).values_list("external_id", flat=True)) == {"new"}
        ),
        "jobs": lambda: list(Job.objects.values_list("label", flat=True)) == ["new"],
    }
    assert left[kind]()


def test_every_kind_is_shown_by_the_test_above() -> None:
    assert tuple(sorted(kinds_of_retention())) == KINDS


def test_a_night_goes_in_slices_and_only_once(
    old_things: None, in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("members.actions.retention.SLICE", 1)
    for _n in range(2):
        Job.objects.create(kind="x", label="old", state="done", started_by_kind="system", finished_at=LONG_AGO)
    set_retention(periods={"jobs": 100})
    assert [let_go() for _n in range(6)] == [True, True, True, True, False, False]
    assert RetentionPeriod.objects.get().removed == 3


def test_nothing_goes_by_day(old_things: None, in_acme: Tenant) -> None:
    set_retention(periods={"jobs": 100})
    with time_machine.travel(NIGHT - timedelta(hours=3), tick=True):  # one in the morning in New York
        assert let_go() is False
    assert Job.objects.count() == 2


def test_period_that_is_too_short_is_refused(in_acme: Tenant) -> None:
    with pytest.raises(MemberError) as refused:
        set_retention(periods={"audit": 30, "events": 30, "nonsense": 100})
    assert sorted(refused.value.fields) == ["audit", "nonsense"]
    assert RetentionPeriod.objects.count() == 0


def test_page_previews_then_saves_with_audit(client: Client, acme: Tenant, staff: Any) -> None:
    staff(acme, "admin")
    sign_in(client, "admin@acme.example.com")
    given = {"events": "365", "audit": "730"}
    body = client.post("/w/acme/admin/privacy/", {**given, "do": "preview"}).content.decode()
    assert ("0 would go" in body, "kept for ever" in body) == (True, True)
    with tenant_context(acme.pk):
        assert RetentionPeriod.objects.count() == 0
    assert client.post("/w/acme/admin/privacy/", {**given, "do": "save"}).status_code == 302
    assert client.post("/w/acme/admin/privacy/", {"events": "365", "do": "save"}).status_code == 302
    with tenant_context(acme.pk):
        assert list(RetentionPeriod.objects.values_list("kind", "days")) == [("events", 365)]
        changes = AuditEntry.objects.filter(verb="retention.set").order_by("pk")
        assert [(one.target_label, one.before, one.after) for one in changes] == [
            ("audit", {}, {"days": 730}),
            ("events", {}, {"days": 365}),
            ("audit", {"days": 730}, {}),
        ]
