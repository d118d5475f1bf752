"""Merging members and taking it back: whose values stay, what comes along, and that nothing is counted twice."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from members.actions import (
    MergeError,
    accept_events,
    add_tag,
    canonical_event,
    emit,
    merge_members,
    record_consent,
    unmerge_members,
    upsert_member,
)
from members.actions.members import PROFILE_FIELDS
from members.consumers.absorb import absorb
from members.events import TagAdded
from members.models import (
    Consent,
    DailyCount,
    DirtyMember,
    Event,
    EventName,
    Member,
    MemberMerge,
    MemberState,
    MemberTag,
)
from members.queries import identities_of, live_members, member_by_identity, timeline
from members.queries.merging import FIELDS, preview_merge
from urm.audit.models import AuditEntry
from urm.tenancy.models import Tenant

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def member(external_id: str, **traits: Any) -> Member:
    return upsert_member(external_id=external_id, traits=traits)[0]


def buy(external_id: str, amount: float = 10, at: str = "2026-03-01T20:00:00Z") -> None:
    event = {"name": "purchase", "external_id": external_id, "amount": amount, "occurred_at": at}
    accept_events([canonical_event(event, trusted=True, now=NOW)])
    absorb()


def counts(member: Member) -> dict[tuple[str, date], tuple[int, float]]:
    """Per event name and day, how many and how much; what the platform says of members aside."""
    names = dict(EventName.objects.filter(platform=False).values_list("id", "name"))
    rows = DailyCount.objects.filter(member_id=member.pk, name_id__in=names)
    return {(names[row.name_id], row.day): (row.count, float(row.amount_sum or 0)) for row in rows}


def snapshot() -> dict[str, Any]:
    """Everything kept about everybody; the log, audit and merges themselves aside."""
    person = "id, email, phone, first_name, city, birthday, attributes::text, merged_into_id, first_seen_at"
    platform = list(EventName.objects.filter(platform=True).values_list("id", flat=True))
    with connection.cursor() as cursor:
        found: dict[str, Any] = {}
        for table, columns, where in (
            ("member", person, ""),
            ("identity", "member_id, kind, value, from_profile, logged_as", ""),
            ("consent", "member_id, channel, purpose, granted, at", ""),
            ("membertag", "member_id, tag_id, since", ""),
            ("memberstate", "member_id, segment_ids, tag_ids, stage_id, stage_since, previous_stage_id", ""),
            ("daily", "member_id, name_id, day, count, amount_sum, first_at, last_at", "WHERE name_id <> ALL (%s)"),
        ):
            query = f"SELECT {columns} FROM members_{table} {where} ORDER BY 1, 2, 3"
            cursor.execute(query, [platform] if where else [])
            found[table] = cursor.fetchall()
    return found


@pytest.fixture
def ada(in_acme: Tenant) -> Member:
    return member("c-1", email="ada@example.com", city="Boston", attributes={"size": 1, "old": True})


@pytest.fixture
def bob(ada: Member) -> Member:
    return member("c-2", email="bob@example.com", phone="+12025550123", birthday="1990-12-31", attributes={"size": 2})


def test_fields_that_are_merged_are_those_of_the_profile() -> None:
    assert sorted(FIELDS) == sorted(PROFILE_FIELDS)


def test_survivor_keeps_values_and_fills_blanks(ada: Member, bob: Member) -> None:
    merge_members(survivor=ada, other=bob)
    ada.refresh_from_db()
    assert (ada.email, ada.city) == ("ada@example.com", "Boston")
    assert (ada.phone, ada.birthday) == ("+12025550123", date(1990, 12, 31))
    assert ada.attributes == {"size": 1, "old": True}
    assert list(live_members()) == [ada]


def test_whoever_merges_may_choose_per_field(ada: Member, bob: Member) -> None:
    merge_members(survivor=ada, other=bob, choices={"email": "other", "attributes.size": "other", "phone": "survivor"})
    ada.refresh_from_db()
    assert (ada.email, ada.phone, ada.attributes) == ("bob@example.com", None, {"size": 2, "old": True})


def test_preview_shows_conflicts_and_what_comes_along(ada: Member, bob: Member) -> None:
    add_tag(member=bob, name="vip")
    record_consent(member=bob, channel="email", purpose="marketing", granted=True, source="form")
    buy("c-2")
    found = preview_merge(ada, bob)
    assert [(one.field, one.survivor, one.other, one.taken) for one in found.conflicts] == [
        ("email", "ada@example.com", "bob@example.com", "survivor"),
        ("attributes.size", 1, 2, "survivor"),
    ]
    assert [one.field for one in found.differences if not one.is_conflict] == ["phone", "birthday"]
    assert ([one.value for one in found.identities], found.tags, found.events) == (
        ["bob@example.com", "c-2", "+12025550123"],
        ["vip"],
        1,
    )


def test_history_identities_and_counts_follow(ada: Member, bob: Member) -> None:
    buy("c-1", 10)
    buy("c-2", 5)
    buy("c-2", 7, at="2026-02-01T12:00:00Z")
    merge_members(survivor=ada, other=bob)
    buy("c-2", 1)
    assert counts(ada) == {
        ("purchase", date(2026, 3, 1)): (3, 16.0),
        ("purchase", date(2026, 2, 1)): (1, 7.0),
    }
    assert counts(bob) == {}
    assert [entry.amount for entry in timeline(ada, names=["purchase"])] == [1, 5, 10, 7]
    assert member_by_identity("c-2") == ada
    assert identities_of([ada.pk])[ada.pk]["external_id"] == ["c-1", "c-2"]
    ada.refresh_from_db()
    assert ada.first_seen_at == datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert set(DirtyMember.objects.values_list("member_id", flat=True)) == {ada.pk, bob.pk}


def test_newest_consent_wins_and_withdrawal_at_the_same_moment(ada: Member, bob: Member) -> None:
    for purpose, mine, theirs in (
        ("older", (True, 0), (False, -1)),
        ("newer", (True, 0), (False, 1)),
        ("tie", (True, 0), (False, 0)),
        ("tie2", (False, 0), (True, 0)),
        ("only", None, (True, 0)),
    ):
        for who, said in ((ada, mine), (bob, theirs)):
            if said:
                record_consent(
                    member=who,
                    channel="email",
                    purpose=purpose,
                    granted=said[0],
                    at=NOW + timedelta(hours=said[1]),
                    source="form",
                )
    merge_members(survivor=ada, other=bob)
    held = dict(Consent.objects.filter(member=ada).values_list("purpose", "granted"))
    assert held == {"older": True, "newer": False, "tie": False, "tie2": False, "only": True}


def test_tags_unite(ada: Member, bob: Member) -> None:
    add_tag(member=ada, name="vip")
    add_tag(member=bob, name="vip")
    add_tag(member=bob, name="wine")
    merge_members(survivor=ada, other=bob)
    held = MemberTag.objects.filter(member=ada).values_list("tag_id", flat=True)
    assert sorted(held) == MemberState.objects.get(member=ada).tag_ids
    assert len(held) == 2
    assert not MemberState.objects.filter(member=bob).exists()


def test_unmerge_restores_everything(ada: Member, bob: Member) -> None:
    add_tag(member=ada, name="vip")
    add_tag(member=bob, name="wine")
    record_consent(member=ada, channel="email", purpose="marketing", granted=False, source="form", at=NOW)
    record_consent(member=bob, channel="email", purpose="marketing", granted=True, source="form")
    MemberState.objects.filter(member=bob).update(segment_ids=[3, 4], stage_id=2, stage_since=NOW, previous_stage_id=1)
    buy("c-1", 10)
    buy("c-2", 5, at="2026-01-01T12:00:00Z")
    before = snapshot()
    merge = merge_members(survivor=ada, other=bob, choices={"email": "other"})
    absorb()
    assert snapshot() != before
    unmerge_members(merge=merge)
    absorb()
    assert snapshot() == before


def test_unmerge_gives_each_what_came_by_their_own_ids_meanwhile(ada: Member, bob: Member) -> None:
    merge = merge_members(survivor=ada, other=bob)
    buy("c-1", 10)
    buy("c-2", 5)
    unmerge_members(merge=merge)
    assert (counts(ada), counts(bob)) == (
        {("purchase", date(2026, 3, 1)): (1, 10.0)},
        {("purchase", date(2026, 3, 1)): (1, 5.0)},
    )


def test_unmerge_leaves_what_was_changed_since(ada: Member, bob: Member) -> None:
    merge = merge_members(survivor=ada, other=bob)
    member("c-1", phone="+12025550199")
    unmerge_members(merge=merge)
    ada.refresh_from_db()
    assert (ada.phone, ada.birthday) == ("+12025550199", None)


def test_unmerge_of_an_earlier_merge_lets_the_later_fill_the_blanks(ada: Member, bob: Member) -> None:
    cleo = member("c-3", phone="+12025550177", attributes={"shoe": 40})
    first = merge_members(survivor=ada, other=bob)
    second = merge_members(survivor=ada, other=cleo)
    unmerge_members(merge=first)
    ada.refresh_from_db()
    assert (ada.phone, ada.birthday, ada.attributes["shoe"]) == ("+12025550177", None, 40)
    unmerge_members(merge=second)
    ada.refresh_from_db()
    assert (ada.phone, ada.attributes) == (None, {"size": 1, "old": True})


def test_chain_is_flattened_and_taken_back_in_order(ada: Member, bob: Member) -> None:
    cleo = member("c-3")
    buy("c-3", 3)
    before = snapshot()
    inner = merge_members(survivor=bob, other=cleo)
    outer = merge_members(survivor=ada, other=bob)
    cleo.refresh_from_db()
    assert cleo.merged_into == ada
    assert counts(ada) == {("purchase", date(2026, 3, 1)): (1, 3.0)}
    with pytest.raises(MergeError, match="Un-merge that first"):
        unmerge_members(merge=inner)
    unmerge_members(merge=outer)
    cleo.refresh_from_db()
    assert cleo.merged_into == bob
    assert (counts(ada), counts(bob)) == ({}, {("purchase", date(2026, 3, 1)): (1, 3.0)})
    unmerge_members(merge=inner)
    absorb()
    after = snapshot()
    assert {table: rows for table, rows in after.items() if table != "memberstate"} == {
        table: rows for table, rows in before.items() if table != "memberstate"
    }


def test_wrong_merges_are_refused(ada: Member, bob: Member) -> None:
    accept_events([canonical_event({"name": "visit", "anonymous_id": "v"}, trusted=False, now=NOW)])
    absorb()
    visitor = Member.objects.get(external_id=None)
    cleo = member("c-3")
    merge = merge_members(survivor=ada, other=bob)
    for survivor, other, choices, message in (
        (ada, ada, {}, "the same member"),
        (ada, bob, {}, "merged into another"),
        (bob, cleo, {}, "merged into another"),
        (visitor, cleo, {}, "other way round"),
        (ada, cleo, {"shoe": "other"}, "Unknown field"),
        (ada, cleo, {"email": "both"}, "survivor or other"),
    ):
        with pytest.raises(MergeError, match=message):
            merge_members(survivor=survivor, other=other, choices=choices)
    unmerge_members(merge=merge)
    with pytest.raises(MergeError, match="already"):
        unmerge_members(merge=merge)


def test_merge_and_unmerge_are_logged_and_audited(ada: Member, bob: Member) -> None:
    merge = merge_members(survivor=ada, other=bob)
    unmerge_members(merge=merge)
    absorb()
    told = [(entry.name, entry.properties) for entry in timeline(ada) if "merged" in entry.name]
    assert told == [
        ("urm.member.unmerged", {"other": bob.pk}),
        ("urm.member.merged", {"other": bob.pk, "reason": "manual"}),
    ]
    entries = AuditEntry.objects.filter(verb__in=["member.merge", "member.unmerge"]).order_by("pk")
    assert [entry.verb for entry in entries] == ["member.merge", "member.unmerge"]
    assert "example.com" not in str([(entry.before, entry.after, entry.target_label) for entry in entries])
    assert MemberMerge.objects.get().unmerged_at is not None


def test_what_the_platform_said_of_the_other_counts_for_the_survivor(ada: Member, bob: Member) -> None:
    absorb()
    emit([TagAdded(member_id=bob.pk, tag="x", by="staff")])
    merge_members(survivor=ada, other=bob)
    absorb()
    name = EventName.objects.get(name="urm.tag.added")
    assert Event.objects.get(name_id=name.pk).member_id == bob.pk
    assert DailyCount.objects.get(name_id=name.pk).member_id == ada.pk
