"""A person is planted wherever somebody can get to, erased, and then looked for in every column of every table."""

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from campaigns.models import Delivery
from feedback.actions import create_survey
from feedback.models import Answer, Invitation, Response
from loyalty.actions import adjust_points, save_programme
from loyalty.models import Account, Transfer
from members.actions import (
    accept_events,
    ask_for_consent,
    canonical_event,
    erase_member,
    request_erasure,
    suppress_address,
)
from members.actions.erasure import start_erasures
from members.models import (
    ConsentRecord,
    DailyCount,
    Erasure,
    Event,
    EventName,
    EventProperty,
    Identity,
    Import,
    ImportRow,
    InboxEntry,
    Member,
    ParkedEvent,
    Suppression,
)
from members.queries.permission import obstacles
from members.queries.person import everything_about, person_of
from tests.privacy.test_registry import _COLUMNS
from tests.rest.client import ApiClient, make_key
from urm.audit.actions import record
from urm.audit.models import AuditEntry
from urm.jobs.actions import step_job
from urm.jobs.files import CSV, fill, new_file
from urm.jobs.models import File, Job
from urm.privacy.searching import searches
from urm.tenancy.models import Tenant
from urm.tenancy.roles import SCOPES
from urm.tenancy.work import drain

EMAIL, PHONE, NAME = "zebulon.quixwell@example.com", "+12025550177", "Zebulon Quixwell"
STREET, EXTERNAL = "17 Thornybrook Lane", "customer-qx-4711"
WORDS = (EMAIL, PHONE, "Zebulon", "Quixwell", "Thornybrook", EXTERNAL)
MENTION = f"{NAME}, {EMAIL}, {PHONE}, {STREET}, {EXTERNAL}"


def found_in_database(words: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """(table, column, word) wherever one of the words stands, in any letters, as text or as bytes."""
    hits = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid "
            + _COLUMNS.partition("ON a.attrelid = c.oid")[2]
            + " AND c.relname NOT LIKE 'django%' AND c.relname NOT LIKE 'auth%'"
        )
        columns = cursor.fetchall()
        for table, column, kind in columns:
            text = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            for word in words:
                cursor.execute(f"SELECT count(*) FROM {table} WHERE {text} ILIKE %s", [f"%{word}%"])
                if cursor.fetchone()[0]:
                    hits.append((table, column, word))
    return hits


def plant(acme: Tenant) -> Member:
    """The person, through every door and in every text that is theirs."""
    api = ApiClient(make_key(acme, scopes=list(SCOPES)))
    api.put(
        f"/api/v1/members/{EXTERNAL}",
        {
            "email": EMAIL,
            "phone": PHONE,
            "first_name": "Zebulon",
            "last_name": "Quixwell",
            "city": "Thornybrook",
            "birthday": "1970-02-03",
            "source": f"leaflet {EMAIL}",
            "attributes": {"street": STREET, "note": MENTION},
        },
    )
    member = Member.objects.get(external_id=EXTERNAL)
    api.post(
        "/api/v1/identify", {"external_id": EXTERNAL, "anonymous_id": f"visitor {EMAIL}", "traits": {"city": STREET}}
    )
    event = {"external_id": EXTERNAL, "name": "purchase", "amount": 30, "properties": {"ship_to": MENTION}}
    api.post("/api/v1/events", {**event, "event_id": f"order of {EMAIL}"})
    drain(acme.pk)
    for channel in ("email", "sms"):
        said = {"channel": channel, "granted": True, "source": f"form: {NAME}", "wording": EMAIL, "proof": PHONE}
        api.post(f"/api/v1/members/{EXTERNAL}/consents", said)
    api.post("/api/v1/suppressions", {"channel": "sms", "address": PHONE, "reason": f"call from {MENTION}"})
    ask_for_consent(member=member, purpose="newsletter", source=f"desk: {NAME}")
    survey = create_survey(
        name="Q",
        active=True,
        title_en="Q",
        title_zh="问",
        questions=[{"kind": "text", "text_en": "?", "text_zh": "？"}],
    )
    question = survey.questions.get()
    answers = {"external_id": EXTERNAL, "answers": [{"question_id": question.pk, "value": MENTION}]}
    answer = api.post(f"/api/v1/surveys/{survey.pk}/responses", answers, idempotency_key=f"answer-of-{EMAIL}")
    assert answer.status_code == 201, answer.content
    Invitation.objects.create(
        survey=survey, member=member, state="failed", detail=f"550 {EMAIL}", expires_at=timezone.now()
    )
    Delivery.objects.bulk_create([Delivery(run_id=1, member_id=member.pk, state="failed", detail=f"550 {EMAIL}")])
    save_programme(name="Club", points_per_unit=1, expiry_days=None)
    adjust_points(member=member, points=5, reason=f"sorry, {NAME}", idempotency_key=f"sorry {EMAIL}")
    record(verb="note.write", target=survey, target_label=f"call with {NAME}", after={"text": MENTION})
    record(verb="member.update", target=member, target_label=NAME, after={"city": "Thornybrook"})
    file = new_file(name=f"{EMAIL}.csv", content_type=CSV, capability="members.view", keep=timedelta(days=7))
    fill(file, [f"id,name\n1,{NAME}\n".encode()])
    Job.objects.create(kind="x", label=EMAIL, state="done", parameters={"search": EMAIL}, started_by_kind="system")
    drain(acme.pk)
    plant_in_files(file)
    # What is still on its way when the erasure comes.
    accept_events([canonical_event({**event, "event_id": "later"}, trusted=True, now=timezone.now())])
    stranger = {"external_id": "stranger", "name": "refer", "properties": {"friend": EMAIL}}
    neighbour = {"external_id": "neighbour", "name": "visit", "properties": {"page": "/x"}}
    accept_events([canonical_event(one, trusted=True, now=timezone.now()) for one in (stranger, neighbour)])
    ParkedEvent.objects.create(
        consumer="absorb", received_at=timezone.now(), body={"items": MENTION}, reason=f"bad: {EMAIL}"
    )
    return member


def plant_in_files(upload: File) -> None:
    """In an import with its rows and list of problems, an export, and what jobs were asked for and told."""
    problems = new_file(name="problems.csv", content_type=CSV, capability="members.change", keep=timedelta(days=7))
    fill(problems, [f"row,problem\n1,{EMAIL} is no phone number\n".encode()])
    columns = [{"header": "mail", "samples": [EMAIL, NAME], "target": "email"}]
    importing = Import.objects.create(
        name=f"list of {NAME}.csv", state="done", columns=columns, file_id=upload.pk, error_file_id=problems.pk
    )
    nobody = {"import_id": importing.pk, "values": {}, "identities": []}
    ImportRow.objects.bulk_create(
        [
            ImportRow(pk=(importing.pk << 32) + 1, **(nobody | {"values": {"email": EMAIL, "first_name": "Zebulon"}})),
            ImportRow(pk=(importing.pk << 32) + 2, **nobody, raw=[MENTION], problems=[EMAIL], outcome="error"),
            ImportRow(pk=(importing.pk << 32) + 3, **nobody, tags=[f"friend of {EMAIL}"]),
            ImportRow(pk=(importing.pk << 32) + 4, **nobody, key="neighbour"),
        ]
    )
    export = new_file(name="members.csv", content_type=CSV, capability="members.export", keep=timedelta(days=7))
    fill(export, [f"email\n{EMAIL}\n".encode()])
    Job.objects.create(
        kind="export",
        label=NAME,
        state="done",
        parameters={"query": {"q": [EMAIL]}},
        position={"file": export.pk, "after": [EMAIL]},
        message_values={"name": EMAIL},
        result={"file_id": export.pk, "said": MENTION},
        started_by_kind="system",
    )


@pytest.fixture
def planted(in_acme: Tenant, caplog: pytest.LogCaptureFixture) -> Member:
    caplog.set_level(logging.DEBUG)
    return plant(in_acme)


def everything_in_files(tenant: Tenant) -> bytes:
    """All that the file storage holds of a workspace, whether a row knows of it or not."""
    store: Any = settings.STORAGES["files"]
    folder = Path(store["OPTIONS"]["location"]) / str(tenant.pk)
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_person_is_planted_where_people_can_get_to(planted: Member) -> None:
    assert [word for word in (EMAIL, NAME) if word.encode() not in everything_in_files(planted.tenant)] == []
    tables = {table for table, _column, _word in found_in_database(WORDS)}
    assert tables >= {
        "audit_auditentry",
        "campaigns_delivery",
        "feedback_answer",
        "feedback_invitation",
        "jobs_file",
        "jobs_job",
        "loyalty_transfer",
        "members_confirmation",
        "members_consentrecord",
        "members_event",
        "members_identity",
        "members_import",
        "members_importrow",
        "members_inboxentry",
        "members_member",
        "members_parkedevent",
        "members_suppression",
        "rest_idempotentanswer",
    }


def test_erased_person_is_found_nowhere(
    planted: Member, in_acme: Tenant, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    request_erasure(member=planted)
    drain(in_acme.pk)
    assert found_in_database(WORDS) == []
    logged = "\n".join(f"{entry.getMessage()} {entry.__dict__}" for entry in caplog.records) + "".join(
        capfd.readouterr()
    )
    # The database's own debug log of statements is off in production; what the platform says is not.
    assert [word for word in WORDS if word in logged] == []
    assert [word for word in WORDS if word.encode() in everything_in_files(in_acme)] == []
    assert ImportRow.objects.values_list("key", flat=True).get() == "neighbour"
    [job] = Job.objects.filter(kind="members.erase")
    assert (job.state, job.position, job.done == job.total or job.done > 0) == ("done", {}, True)
    kept = [storages["files"].open(f"erasures/{in_acme.pk}/{name}").read() for name in _noted(in_acme)]
    assert [word for word in WORDS if word.encode() in b"".join(kept)] == []


def test_statistics_stay(planted: Member, in_acme: Tenant) -> None:
    def figures() -> dict[str, Any]:
        return {
            "events": Event.objects.filter(member_id=planted.pk).count(),
            "days": list(DailyCount.objects.filter(member_id=planted.pk).values_list("count", "amount_sum")),
            "points": list(Account.objects.filter(member=planted).values_list("balance", flat=True)),
            "booked": sorted(Transfer.objects.values_list("amount", flat=True)),
            "responses": Response.objects.filter(member=planted).count(),
            "answers": Answer.objects.count(),
            "consents": list(ConsentRecord.objects.order_by("pk").values_list("channel", "purpose", "granted", "at")),
        }

    before = figures()
    erase_member(member=planted)
    assert figures() == before


def test_address_stays_suppressed_for_whoever_has_it_later(planted: Member, in_acme: Tenant) -> None:
    suppress_address(channel="email", address=EMAIL, reason="complained")
    erase_member(member=planted)
    assert list(Suppression.objects.order_by("pk").values_list("address", "reason")) == [
        (None, "requested"),
        (None, "complained"),
    ]
    again = Member.objects.create(external_id="again", email=EMAIL)
    assert obstacles([again.pk], channel="email", purpose=None) == {again.pk: "suppressed"}


def test_what_waits_of_others_is_left(planted: Member, in_acme: Tenant) -> None:
    erase_member(member=planted)
    items = [item for entry in InboxEntry.objects.all() for item in json.loads(entry.body) if "v" in item]
    assert [item["v"] for item in items] == ["neighbour"]  # the stranger's event named the person
    assert AuditEntry.objects.filter(verb="member.erase").count() == 1


def tell(name: str, **properties: Any) -> None:
    event = {"external_id": "stranger", "name": name, "properties": properties}
    accept_events([canonical_event(event, trusted=True, now=timezone.now())])


def told(name: str) -> Any:
    found = Event.objects.filter(name_id=EventName.objects.get(name=name).pk).order_by("-pk")
    return found.values_list("properties", flat=True).first()


def test_names_are_struck_out_of_others_personal_properties_only(planted: Member, in_acme: Tenant) -> None:
    """Elsewhere a name may be anybody's: a film, a street, a namesake."""
    tell("invite", guest=f"with {NAME}!", film=f"The Life of {NAME}", mail=EMAIL, seats=2, also=["a", NAME])
    tell("film", title=NAME)
    drain(in_acme.pk)
    event = EventName.objects.get(name="invite")
    EventProperty.objects.filter(event=event, name__in=["guest", "also"]).update(personal=True)
    EventProperty.objects.filter(event=event, name__in=["film", "mail"]).update(personal=False)
    request_erasure(member=planted)
    drain(in_acme.pk)
    assert told("invite") == {
        "guest": "with …!",
        "film": f"The Life of {NAME}",
        "mail": "…",
        "seats": 2,
        "also": ["a", "…"],
    }
    assert told("film") == {"title": NAME}


def test_search_goes_in_slices_over_everything_and_on_where_it_stopped(planted: Member, in_acme: Tenant) -> None:
    for search in searches():
        object.__setattr__(search, "slice", 2)
    for number in range(7):
        tell("refer", friend=EMAIL, number=number)
    drain(in_acme.pk, names=["stream"])
    try:
        request_erasure(member=planted)
        job = start_erasures()
        assert job is not None
        seen = []
        while step_job(job=job):
            job.refresh_from_db()
            if job.state == Job.State.RUNNING:
                seen.append((job.position["table"], job.done))
            if len(seen) == 3:
                tell("late", friend=EMAIL)  # behind the search, before the erasure
                drain(in_acme.pk, names=["stream"])
    finally:
        for search in searches():
            object.__setattr__(search, "slice", 20_000)
    assert seen == sorted(seen)
    assert len({done for _table, done in seen}) > 5
    assert told("late") == {"friend": "…"}
    assert found_in_database(WORDS) == []


def test_address_that_came_meanwhile_is_looked_for_from_the_beginning(planted: Member, in_acme: Tenant) -> None:
    tell("refer", friend="zeb.second@example.com")
    drain(in_acme.pk)
    request_erasure(member=planted)
    job = start_erasures()
    assert job is not None
    step_job(job=job)
    Identity.objects.create(member=planted, kind="email", value="zeb.second@example.com")
    while step_job(job=job):
        pass
    drain(in_acme.pk, names=["erase"])
    assert found_in_database((*WORDS, "zeb.second")) == []


def test_one_job_serves_all_who_wait_and_who_comes_later_gets_the_next(planted: Member, in_acme: Tenant) -> None:
    others = [Member.objects.create(external_id=f"other-{n}", email=f"other{n}@example.com") for n in range(3)]
    for one in (planted, *others[:2]):
        request_erasure(member=one)
    job = start_erasures()
    assert job is not None
    step_job(job=job)
    request_erasure(member=others[2])
    drain(in_acme.pk, names=["erase"])
    assert Member.objects.filter(erased_at=None, external_id__startswith="other").count() == 0
    jobs = Job.objects.filter(kind="members.erase")
    assert (jobs.count(), set(jobs.values_list("state", flat=True))) == (2, {"done"})


def test_export_leaves_somebody_elses_address_out_of_ones_own_events(planted: Member, in_acme: Tenant) -> None:
    Member.objects.create(external_id="friend")
    friend = Member.objects.get(external_id="friend")
    Identity.objects.create(member=friend, kind="email", value="friend@example.com")
    event = {"external_id": EXTERNAL, "name": "gift", "properties": {"email": "Friend@Example.com", "my_email": EMAIL}}
    accept_events([canonical_event(event, trusted=True, now=timezone.now())])
    drain(in_acme.pk)
    [section] = [one for one in everything_about(planted) if one.name == "members_event"]
    [row] = [row for row in section.rows if row["name_id"] == "gift"]
    assert row["properties"] == {"email": "…", "my_email": EMAIL}


def test_running_job_that_was_asked_about_the_person_is_cancelled(planted: Member, in_acme: Tenant) -> None:
    asked = {"what": "members", "format": "csv", "query": {"q": [EMAIL]}, "language": "en"}
    about = Job.objects.create(kind="export", parameters=asked, state="running", started_by_kind="system")
    other = Job.objects.create(kind="x", parameters={"q": "else"}, state="running", started_by_kind="system")
    erase_member(member=planted)
    about.refresh_from_db()
    other.refresh_from_db()
    assert (about.cancel_requested, about.parameters, other.cancel_requested) == (True, {}, False)
    while step_job(job=about):
        about.refresh_from_db()
    assert (about.state, found_in_database(WORDS)) == ("cancelled", [])


def test_merged_member_is_erased_with_the_survivor(planted: Member, in_acme: Tenant) -> None:
    alias = Member.objects.create(external_id="alias-of-qx", email="other.zq@example.com", merged_into=planted)
    request_erasure(member=alias)
    drain(in_acme.pk, names=["erase"])
    assert set(Member.objects.filter(erased_at__isnull=False).values_list("pk", flat=True)) == {planted.pk, alias.pk}
    assert found_in_database((*WORDS, "alias-of-qx", "other.zq")) == []


def test_colleague_keeps_everything(planted: Member, in_acme: Tenant) -> None:
    """Same name, an address of which the person's is a part, and an id that begins alike."""
    api = ApiClient(make_key(in_acme, scopes=list(SCOPES)))
    traits = {"email": f"mc.{EMAIL}", "first_name": "Zebulon", "last_name": "Quixwell", "city": "Thornybrook"}
    api.put(f"/api/v1/members/{EXTERNAL}9", traits)
    event = {"external_id": f"{EXTERNAL}9", "name": "visit", "properties": {"mail": f"mc.{EMAIL}"}}
    accept_events([canonical_event(event, trusted=True, now=timezone.now())])
    erase_member(member=planted)
    drain(in_acme.pk)
    other = Member.objects.get(external_id=f"{EXTERNAL}9")
    assert (other.email, other.full_name, other.city) == (f"mc.{EMAIL}", "Zebulon Quixwell", "Thornybrook")
    properties = list(
        Event.objects.filter(member_id=other.pk).exclude(properties={}).values_list("properties", flat=True)
    )
    assert {"mail": f"mc.{EMAIL}"} in properties
    assert Identity.objects.filter(member=other, kind="external_id").count() == 1


def test_restored_backup_forgets_again(planted: Member, in_acme: Tenant) -> None:
    """As after a restore: the member is there as before, the log of erasures in the file storage is newer."""
    stored: dict[str, Any] = dict(Member.objects.filter(pk=planted.pk).values().get())
    identities = list(Identity.objects.filter(member=planted).values())
    erase_member(member=planted)
    drain(in_acme.pk)
    for name in ("search_text", "id", "tenant_id"):
        stored.pop(name)
    Member.objects.filter(pk=planted.pk).update(**stored)
    Identity.objects.bulk_create([Identity(**row) for row in identities])
    Erasure.objects.all().delete()
    assert found_in_database((EMAIL,)) != []
    call_command("replay_erasures", in_acme.slug)
    drain(in_acme.pk)
    assert found_in_database(WORDS) == []
    call_command("replay_erasures", in_acme.slug)  # twice changes nothing
    assert Erasure.objects.count() == 1


def test_replay_spares_a_new_member_with_an_old_number(planted: Member, in_acme: Tenant) -> None:
    erase_member(member=planted)
    moment = timezone.now() + timedelta(days=1)
    Member.objects.filter(pk=planted.pk).update(erased_at=None, erasure_requested_at=None, created_at=moment)
    call_command("replay_erasures", in_acme.slug)
    assert Member.objects.get(pk=planted.pk).erasure_requested_at is None


def test_export_holds_everything_that_was_planted(planted: Member) -> None:
    sections = {section.name: section for section in everything_about(planted)}
    whole = json.dumps({name: section.rows for name, section in sections.items()}, ensure_ascii=False)
    assert [word for word in WORDS if word not in whole] == []
    assert sections["feedback_answer"].rows[0]["text"] == MENTION
    assert "purchase" in [row["name_id"] for row in sections["members_event"].rows]
    assert sections["members_event"].labels["name_id"] == "Event"
    assert File.objects.count() == 3


def test_person_of_leaves_out_what_is_too_short_to_be_looked_for(in_acme: Tenant) -> None:
    member = Member.objects.create(external_id="12", first_name="Bo", email="bo@example.com")
    Identity.objects.create(member=member, kind="external_id", value="12")
    assert person_of(member).words == ("bo@example.com",)


def _noted(tenant: Tenant) -> list[str]:
    return storages["files"].listdir(f"erasures/{tenant.pk}")[1]
