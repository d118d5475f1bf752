"""What an import writes: who is new, what changes in which mode, and everything that hangs on a member."""

from typing import Any

import pytest
from django.utils import translation

from members.actions import add_tag, record_consent, upsert_member
from members.actions.imports import run_import
from members.models import (
    AttributeDefinition,
    Consent,
    ConsentRecord,
    DuplicateCandidate,
    EventName,
    Identity,
    Member,
    MemberState,
    MemberTag,
    Tag,
)
from members.queries import timeline
from tests.members.imports.rehearsal import checked, imported, problems, table, worked_off
from urm.audit.models import AuditEntry
from urm.jobs.models import Job
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

HEADER = ("id", "email", "first name", "城市")


def row(external_id: str) -> dict[str, Any]:
    fields = ("email", "phone", "first_name", "city", "birthday", "attributes")
    found: dict[str, Any] = Member.objects.values(*fields).get(external_id=external_id)
    return found


def test_new_and_known_members_are_told_apart_before_anything_is_written(in_acme: Tenant) -> None:
    upsert_member(external_id="c1", traits={"email": "ada@example.com", "first_name": "Ada", "city": "London"})
    upsert_member(external_id="c2", traits={"email": "bo@example.com", "first_name": "Bo"})
    job = checked(
        table(
            HEADER,
            ("c1", "ada@example.com", "Ada", "London"),
            ("c2", "bo@example.com", "Bo", "Paris"),
            ("c3", "cy@example.com", "Cy", "Rome"),
            ("c4", "no address", "Di", "Rome"),
            ("c3", "cy2@example.com", "Cy", "Rome"),
        )
    )
    assert (job.state, job.rows) == ("checked", 5)
    assert job.counts == {"same": 1, "changed": 1, "new": 1, "error": 2}
    assert problems(job) == {
        5: [["email", "Must be an e-mail address such as ada@example.com."]],
        6: [["", "An earlier row of the file is about the same person."]],
    }
    assert Member.objects.count() == 2


def test_import_writes_profile_identities_and_log(in_acme: Tenant) -> None:
    upsert_member(external_id="c1", traits={"email": "old@example.com", "first_name": "Ada"})
    job = imported(
        table(
            ("会员编号", "邮箱", "手机号", "生日", "性别", "注册时间"),
            ("c1", "ada@example.com", "138 1234 5678", "1990/1/5", "女", "2024-01-02"),
            ("c2", "BO@example.com", "+44 20 7183 8750", "1991年12月31日", "m", "2024-05-06T07:08:09Z"),
        ),
        country="CN",
    )
    assert (job.state, job.counts) == ("done", {"changed": 1, "new": 1})
    assert row("c1")["phone"] == "+8613812345678"
    assert row("c1")["birthday"].isoformat() == "1990-01-05"
    bo = Member.objects.get(external_id="c2")
    assert (bo.email, bo.phone, bo.gender) == ("bo@example.com", "+442071838750", "male")
    assert bo.first_seen_at.isoformat() == "2024-05-06T07:08:09+00:00"
    assert Member.objects.get(external_id="c1").first_seen_at.isoformat() == "2024-01-02T05:00:00+00:00"  # New York
    known = Identity.objects.order_by("member__external_id", "kind").values_list("member__external_id", "kind", "value")
    assert list(known) == [
        ("c1", "email", "ada@example.com"),
        ("c1", "external_id", "c1"),
        ("c1", "phone", "+8613812345678"),
        ("c2", "email", "bo@example.com"),
        ("c2", "external_id", "c2"),
        ("c2", "phone", "+442071838750"),
    ]
    assert [entry.name for entry in timeline(bo)] == ["urm.member.created"]
    updated = timeline(Member.objects.get(external_id="c1"))[0]
    assert updated.properties["fields"] == ["birthday", "email", "first_seen_at", "gender", "phone"]
    assert {entry.verb for entry in AuditEntry.objects.all()} >= {"import.upload", "import.check", "import.run"}


def test_importing_the_same_file_again_changes_nothing(in_acme: Tenant) -> None:
    content = table(
        ("id", "email", "pets", "registered", "tags"), ("c1", "a@example.com", "2", "2024-01-02T10:20:30.5Z", "vip")
    )
    options = {"targets": {"pets": {"target": "attribute:pets", "type": "number"}}}
    assert imported(content, **options).counts == {"new": 1}
    before = Member.objects.values().get()
    again = imported(content, **options)
    assert again.counts == {"same": 1}
    assert Member.objects.values().get() == before


@pytest.mark.parametrize(
    ("mode", "counts", "known", "made"),
    [
        ("overwrite", {"changed": 1, "new": 1}, ("new@example.com", "Paris"), True),
        ("fill", {"changed": 1, "new": 1}, ("old@example.com", "Paris"), True),
        ("update", {"changed": 1, "skipped": 1}, ("new@example.com", "Paris"), False),
        ("create", {"skipped": 1, "new": 1}, ("old@example.com", None), True),
    ],
)
def test_mode_says_who_is_touched_and_what_gives_way(
    in_acme: Tenant, mode: str, counts: dict[str, int], known: tuple[str, str | None], made: bool
) -> None:
    upsert_member(external_id="c1", traits={"email": "old@example.com"})
    content = table(HEADER, ("c1", "new@example.com", "", "Paris"), ("c2", "bo@example.com", "Bo", "Rome"))
    job = checked(content, mode=mode)
    assert job.counts == counts
    run_import(job=job)
    assert worked_off(job).counts == counts
    assert (row("c1")["email"], row("c1")["city"]) == known
    assert Member.objects.filter(external_id="c2").exists() == made


def test_empty_cell_leaves_what_is_known(in_acme: Tenant) -> None:
    upsert_member(external_id="c1", traits={"first_name": "Ada", "city": "London"})
    imported(table(HEADER, ("c1", "", "", "")))
    assert (row("c1")["first_name"], row("c1")["city"]) == ("Ada", "London")


def test_returning_member_is_found_by_address_where_that_is_chosen(in_acme: Tenant) -> None:
    visitor, _created = upsert_member(external_id="web-1", traits={"email": "ada@example.com"})
    Member.objects.filter(pk=visitor.pk).update(external_id=None)
    upsert_member(external_id="c9", traits={"phone": "+8613812345678"})
    content = table(
        ("id", "email", "phone", "city"),
        ("c1", "Ada@example.com", "", "Rome"),  # she gets her id
        ("", "", "+8613812345678", "Oslo"),
        ("c7", "", "+8613812345678", "Bonn"),  # somebody else's id: not the same person
    )
    imported(content, match=["email", "phone"])
    assert row("c1")["city"] == "Rome"
    assert (row("c9")["city"], row("c7")["city"]) == ("Oslo", "Bonn")
    strict = imported(content, match=[])
    assert problems(strict) == {3: [["", "Nothing in this row says who it is about."]]}


def test_attributes_are_typed_made_and_kept_beside_others(in_acme: Tenant) -> None:
    AttributeDefinition.objects.create(name="drink", type="choice", label_en="Drink", choices=["tea", "coffee"])
    upsert_member(external_id="c1", traits={"attributes": {"drink": "tea", "pets": 1}})
    job = imported(
        table(
            ("id", "Drink", "spent", "likes"),
            ("c1", "coffee", "1,234.50", "a; b、c"),
            ("c2", "water", "12", ""),
            ("c3", "tea", "many", "a"),
        ),
        targets={
            "spent": {"target": "attribute:spent", "type": "number"},
            "likes": {"target": "attribute:likes", "type": "list"},
        },
    )
    assert row("c1")["attributes"] == {"drink": "coffee", "pets": 1, "spent": 1234.5, "likes": ["a", "b", "c"]}
    assert problems(job) == {
        3: [["Drink", "Must be one of: tea, coffee."]],
        4: [["spent", "Must be a number, such as 12.90."]],
    }
    made = AttributeDefinition.objects.order_by("name").values_list("name", "type", "label_en")
    assert list(made) == [("drink", "choice", "Drink"), ("likes", "list", "likes"), ("spent", "number", "spent")]


def test_tags_are_added_for_the_row_and_for_all(in_acme: Tenant) -> None:
    known, _created = upsert_member(external_id="c1", traits={})
    add_tag(member=known, name="vip")
    Tag.objects.create(name="lapsing", kind="rule")
    job = imported(
        table(("id", "tags"), ("c1", "vip, autumn"), ("c2", "autumn"), ("c3", "lapsing")), tags=["fair 2026"]
    )
    assert problems(job) == {4: [["tags", "lapsing follows a rule and cannot be given by an import."]]}
    names = dict(Tag.objects.values_list("id", "name"))
    held = {
        state.member.external_id: [names[pk] for pk in state.tag_ids]
        for state in MemberState.objects.select_related("member")
    }
    assert {key: sorted(value) for key, value in held.items()} == {
        "c1": ["autumn", "fair 2026", "vip"],
        "c2": ["autumn", "fair 2026"],
    }
    assert MemberTag.objects.count() == 5
    added = EventName.objects.get(name="urm.tag.added")
    assert added.platform


def test_consents_are_kept_with_source_and_wording(in_acme: Tenant) -> None:
    known, _created = upsert_member(external_id="c1", traits={})
    record_consent(member=known, channel="email", purpose="marketing", granted=True, source="web")
    imported(
        table(("id", "邮件授权"), ("c1", "否"), ("c2", "是"), ("c3", "")),
        consent_source="shop till",
        consent_wording="marketing/zh-hans/2",
    )
    held = Consent.objects.order_by("member__external_id").values_list("member__external_id", "purpose", "granted")
    assert list(held) == [("c1", "marketing", False), ("c2", "marketing", True)]
    proof = ConsentRecord.objects.filter(source="shop till").order_by("member__external_id")
    assert list(proof.values_list("granted", "wording")) == [
        (False, "marketing/zh-hans/2"),
        (True, "marketing/zh-hans/2"),
    ]


def test_cancelled_import_goes_on_where_it_stopped(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from members.actions.imports import running  # noqa: PLC0415
    from urm.jobs.actions import cancel_job, step_next_job  # noqa: PLC0415

    monkeypatch.setattr(running, "SLICE", 2)
    job = checked(table(("id",), *((f"c{number}",) for number in range(5))))
    started = run_import(job=job)
    step_next_job()
    cancel_job(job=started)
    worked_off(job)
    assert (job.state, job.counts["written"], Member.objects.count()) == ("cancelled", 2, 2)
    run_import(job=job)
    worked_off(job)
    assert (job.state, Member.objects.count()) == ("done", 5)
    assert Job.objects.latest("pk").done == 5


def test_problems_are_read_in_the_language_of_the_reader(in_acme: Tenant) -> None:
    job = checked(table(HEADER, ("c1", "nobody", "", ""), ("c2", "x", "", "")))
    with translation.override("zh-hans"):
        assert problems(job)[2] == [["email", "必须是邮箱地址，例如 ada@example.com。"]]
    assert problems(job)[2] == [["email", "Must be an e-mail address such as ada@example.com."]]


def test_address_of_somebody_else_makes_a_possible_duplicate(in_acme: Tenant) -> None:
    ada, _created = upsert_member(external_id="c1", traits={"email": "ada@example.com", "phone": "+8613812345678"})
    job = imported(
        table(
            ("id", "email", "phone"),
            ("c2", "Ada@example.com", ""),
            ("c3", "cy@example.com", "+8613812345678"),
            ("c4", "di@example.com", ""),
        ),
        match=[],
    )
    assert job.counts == {"new": 3}
    numbers = dict(Member.objects.values_list("external_id", "id"))
    pairs = DuplicateCandidate.objects.order_by("id").values_list("first_id", "second_id", "reason")
    assert list(pairs) == [(ada.pk, numbers["c2"], "email"), (ada.pk, numbers["c3"], "phone")]
    imported(table(("id", "email", "phone"), ("c4", "cy@example.com", "")), match=[])  # an address that is given anew
    assert DuplicateCandidate.objects.filter(first_id=numbers["c3"], second_id=numbers["c4"]).count() == 1


def test_same_name_and_birthday_make_a_possible_duplicate_when_the_import_is_through(in_acme: Tenant) -> None:
    ada, _created = upsert_member(
        external_id="c1", traits={"first_name": "Ada", "last_name": "King", "birthday": "1990-01-05"}
    )
    header = ("id", "first name", "last name", "birthday")
    imported(table(header, ("c2", "Ada", "King", "1990-01-05"), ("c3", "Ada", "King", "1991-01-05")))
    drain(in_acme.pk, names=["duplicates"])
    other = Member.objects.get(external_id="c2")
    assert list(DuplicateCandidate.objects.values_list("first_id", "second_id", "reason")) == [
        (ada.pk, other.pk, "name")
    ]
