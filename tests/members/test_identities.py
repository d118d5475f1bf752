"""The ids by which members are known: normalised, unique, linked, and what events and identifications make of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from members.actions import (
    EventError,
    MemberError,
    accept_events,
    canonical_event,
    canonical_identify,
    change_merge_kinds,
    upsert_member,
)
from members.consumers.absorb import absorb
from members.models import DailyCount, DuplicateCandidate, Event, Identity, Member, MemberMerge
from members.queries import identities_of, member_by_identity, timeline
from urm.tenancy.models import Tenant

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def happen(trusted: bool = True, **fields: Any) -> None:
    accept_events([canonical_event({"name": "visit", **fields}, trusted=trusted, now=NOW)])
    absorb()


def identify(trusted: bool = True, **fields: Any) -> None:
    accept_events([canonical_identify(fields, trusted=trusted, now=NOW)])
    absorb()


def member(external_id: str = "c-1", **traits: Any) -> Member:
    return upsert_member(external_id=external_id, traits=traits)[0]


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        ("email", " Ada@Example.COM ", "ada@example.com"),
        ("phone", "+1 (202) 555-0123", "+12025550123"),
        ("card_number", "6212 3456-7890 ab", "621234567890AB"),
        ("wechat_openid", " oAbC-1 ", "oAbC-1"),
        ("weibo_uid", "1234567890", "1234567890"),
    ],
)
def test_identity_is_normalised_and_found_so(in_acme: Tenant, kind: str, given: str, stored: str) -> None:
    ada = member(identities={kind: given})
    assert identities_of([ada.pk]) == {ada.pk: {"external_id": ["c-1"], kind: [stored]}}
    assert member_by_identity(stored, kind) == ada


def test_identities_wrong_are_named(in_acme: Tenant) -> None:
    with pytest.raises(MemberError) as refused:
        member(identities={"fax": "1", "email": "nobody", "phone": "12", "cookie": ["a"] * 21, "external_id": None})
    assert refused.value.fields == {
        "identities.fax": f"Unknown kind. Use one of: {', '.join(Identity.Kind.values)}.",
        "identities.email": "Must be an e-mail address such as ada@example.com.",
        "identities.phone": "Must be a phone number with country code, such as +8613812345678.",
        "identities.cookie": "At most 20 of one kind in one request.",
        "identities.external_id": "An external id stays with its member. Merge or un-merge members instead.",
    }
    assert not Member.objects.exists()


def test_identities_of_a_kind_are_removed_by_null(in_acme: Tenant) -> None:
    ada = member(email="ada@example.com", identities={"email": "ada@work.example", "device": ["d1", "d2"]})
    member(identities={"email": None, "device": None})
    assert identities_of([ada.pk]) == {ada.pk: {"external_id": ["c-1"], "email": ["ada@example.com"]}}


def test_addresses_of_the_profile_are_identities_and_follow_it(in_acme: Tenant) -> None:
    ada = member(email="Ada@example.com", phone="+12025550123")
    assert identities_of([ada.pk])[ada.pk] == {
        "external_id": ["c-1"],
        "email": ["ada@example.com"],
        "phone": ["+12025550123"],
    }
    member(email="new@example.com", phone=None)
    assert identities_of([ada.pk])[ada.pk] == {"external_id": ["c-1"], "email": ["new@example.com"]}


def test_address_of_two_members_stays_with_the_first_and_is_a_possible_duplicate(in_acme: Tenant) -> None:
    ada, bob = member(email="both@example.com"), member("c-2", email="both@example.com")
    assert Member.objects.get(pk=bob.pk).email == "both@example.com"
    assert member_by_identity("both@example.com", "email") == ada
    [pair] = DuplicateCandidate.objects.all()
    assert (pair.first, pair.second, pair.reason) == (ada, bob, "email")


def test_identity_of_another_known_member_is_refused(in_acme: Tenant) -> None:
    member(identities={"wechat_unionid": "u-1"})
    with pytest.raises(MemberError) as refused:
        member("c-2", identities={"wechat_unionid": "u-1"})
    assert refused.value.fields == {
        "identities.wechat_unionid": "Belongs to another member, c-1. Merge the two, or leave it out."
    }
    assert not Member.objects.filter(external_id="c-2").exists()


def test_identity_of_another_known_member_merges_where_its_kind_does(in_acme: Tenant) -> None:
    ada, bob = member(identities={"wechat_unionid": "u-1"}), member("c-2")
    change_merge_kinds(kinds=["wechat_unionid"])
    assert member("c-2", identities={"wechat_unionid": "u-1"}) == bob
    ada.refresh_from_db()
    assert ada.merged_into == bob
    assert MemberMerge.objects.get().reason == "identity"
    assert member_by_identity("c-1") == bob


@pytest.mark.parametrize("kind", sorted(set(Identity.Kind.values) - {"external_id", "anonymous_id"}))
def test_event_names_a_member_by_any_kind_with_a_secret_key_only(in_acme: Tenant, kind: str) -> None:
    value = {"email": "ada@example.com", "phone": "+12025550123"}.get(kind, "x1")
    with pytest.raises(EventError) as refused:
        accept_events([canonical_event({"name": "visit", kind: value}, trusted=False, now=NOW)])
    assert refused.value.field == kind
    ada = member(identities={kind: value})
    accept_events([canonical_event({"name": "visit", kind: value}, trusted=True, now=NOW)])
    absorb()
    assert [event.member_id for event in Event.objects.exclude(properties__has_key="source")] == [ada.pk]


def test_event_of_an_unknown_address_makes_the_member_who_has_it(in_acme: Tenant) -> None:
    happen(email="New@Example.com")
    made = Member.objects.get()
    assert (made.email, made.external_id) == ("new@example.com", None)
    assert identities_of([made.pk]) == {made.pk: {"email": ["new@example.com"]}}


def test_visitor_becomes_the_new_member_with_all_history(in_acme: Tenant) -> None:
    happen(trusted=False, anonymous_id="v-1")
    identify(trusted=False, external_id="c-1", anonymous_id="v-1")
    known = Member.objects.get()
    assert known.external_id == "c-1"
    assert {entry.name for entry in timeline(known)} >= {"visit"}
    assert not MemberMerge.objects.exists()


def test_visitor_turns_out_to_be_a_known_member_and_brings_the_history(in_acme: Tenant) -> None:
    ada = member()
    happen(trusted=False, anonymous_id="v-1")
    visitor = Member.objects.get(external_id=None)
    identify(trusted=False, external_id="c-1", anonymous_id="v-1")
    visitor.refresh_from_db()
    assert visitor.merged_into == ada
    happen(trusted=False, anonymous_id="v-1")
    assert [entry.name for entry in timeline(ada, names=["visit"])] == ["visit", "visit"]
    visits = DailyCount.objects.filter(member_id=ada.pk, name_id=Event.objects.order_by("id").first().name_id)  # type: ignore[union-attr]
    assert sum(day.count for day in DailyCount.objects.filter(member_id=visitor.pk)) == 0
    assert visits.count() >= 1
    # An event by an id that was brought into a merge stays with it, should the merge be taken back.
    assert {event.member_id for event in Event.objects.all() if event.properties == {}} == {visitor.pk}


def test_device_of_somebody_known_is_not_taken_by_who_logs_in_next(in_acme: Tenant) -> None:
    identify(external_id="c-1", anonymous_id="shared")
    identify(external_id="c-2", anonymous_id="shared")
    assert member_by_identity("shared", "anonymous_id") == Member.objects.get(external_id="c-1")
    assert not MemberMerge.objects.exists()


def test_identify_links_all_ids_of_a_trusted_sender(in_acme: Tenant) -> None:
    identify(external_id="c-1", email="Ada@example.com", wechat_openid="o-1", cookie="k-1")
    ada = Member.objects.get()
    assert identities_of([ada.pk])[ada.pk] == {
        "external_id": ["c-1"],
        "email": ["ada@example.com"],
        "wechat_openid": ["o-1"],
        "cookie": ["k-1"],
    }


def test_identify_of_two_known_people_needs_trust_and_a_kind_that_merges(in_acme: Tenant) -> None:
    ada, bob = member(), member("c-2", email="bob@example.com")
    identify(external_id="c-1", email="bob@example.com")
    assert not MemberMerge.objects.exists()
    assert DuplicateCandidate.objects.get().reason == "identity"
    with pytest.raises(EventError):
        identify(trusted=False, external_id="c-1", email="bob@example.com")
    change_merge_kinds(kinds=["email"])
    identify(external_id="c-1", email="bob@example.com")
    bob.refresh_from_db()
    assert bob.merged_into == ada


def test_identify_gives_an_external_id_to_who_was_known_by_an_address_only(in_acme: Tenant) -> None:
    happen(email="ada@example.com")
    identify(external_id="c-1", email="ada@example.com")
    [ada] = Member.objects.all()
    assert (ada.external_id, ada.email) == ("c-1", "ada@example.com")


def test_identify_without_any_known_id_is_refused(in_acme: Tenant) -> None:
    with pytest.raises(EventError) as refused:
        identify(cookie="k-1", device="d-1")
    assert refused.value.field == "external_id"
