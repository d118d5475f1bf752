"""From a search of the members to a static list: all that was found, not one page of it, and nobody else."""

from collections.abc import Callable

import pytest
from django.test import Client

from members.actions import erase_member, upsert_member
from members.models import Member
from segments.actions import create_segment, list_members
from segments.models import Segment, StaticMember
from tests.ui.conftest import sign_in
from urm.audit.models import AuditEntry
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User
from urm.tenancy.work import drain

LISTING = "/w/acme/admin/lists/add/"


@pytest.fixture
def people(in_acme: Tenant) -> None:
    """120 in Boston, more than a page; one elsewhere; one who was erased."""
    for n in range(120):
        upsert_member(external_id=f"boston-{n:03}", traits={"first_name": "Bea", "city": "Boston"})
    upsert_member(external_id="rome-1", traits={"first_name": "Ada", "city": "Rome"})
    erase_member(member=upsert_member(external_id="boston-gone", traits={"first_name": "Bea"})[0])


def on_list(name: str) -> set[str | None]:
    rows = StaticMember.objects.filter(segment__name=name)
    return set(rows.values_list("member__external_id", flat=True))


def test_everybody_found_is_put_on_a_new_list(
    people: None, acme: Tenant, client: Client, staff: Callable[[Tenant, str], User]
) -> None:
    sign_in(client, staff(acme, "marketer").email)
    members = client.get("/w/acme/admin/members/member/?q=boston").content.decode()
    assert f'href="{LISTING}?q=boston"' in members
    page = client.get(f"{LISTING}?q=boston&after=x&p=2")
    assert "120" in page.content.decode()
    answer = client.post(f"{LISTING}?q=boston", {"segment": "", "name": "Bostonians"})
    with tenant_context(acme.pk):
        made = Segment.objects.get(name="Bostonians")
        assert answer.headers["Location"] == f"/w/acme/admin/segments/segment/{made.pk}/list/"
        assert on_list("Bostonians") == {f"boston-{n:03}" for n in range(120)}
        assert AuditEntry.objects.get(verb="segment.add_members").after == {"members": 120}
        drain(acme.pk, names=["stream", "segments"])
        member = Member.objects.get(external_id="boston-007")
        assert member.state.segment_ids == [made.pk]


def test_more_are_put_on_a_list_that_exists(
    people: None, acme: Tenant, client: Client, staff: Callable[[Tenant, str], User]
) -> None:
    with tenant_context(acme.pk):
        existing = create_segment(name="VIP", kind="static")
        list_members(member_ids=[Member.objects.get(external_id="rome-1").pk], segment=existing)
    sign_in(client, staff(acme, "marketer").email)
    answer = client.post(LISTING, {"segment": existing.pk, "name": ""}, follow=True)
    assert "120 put on the list; 1 were on it already." in answer.content.decode()
    with tenant_context(acme.pk):
        assert len(on_list("VIP")) == 121


def test_nameless_list_taken_name_and_foreign_list_are_refused(
    acme: Tenant, globex: Tenant, client: Client, staff: Callable[[Tenant, str], User]
) -> None:
    with tenant_context(globex.pk):
        foreign = create_segment(name="Theirs", kind="static")
    with tenant_context(acme.pk):
        create_segment(name="Taken", kind="static")
        upsert_member(external_id="rome-1", traits={})
    sign_in(client, staff(acme, "marketer").email)
    for given, words in (
        ({"segment": "", "name": ""}, "Give the new list a name"),
        ({"segment": "", "name": "Taken"}, "There is a segment of this name already."),
        ({"segment": foreign.pk, "name": ""}, "Select a valid choice"),
    ):
        assert words in client.post(LISTING, given).content.decode(), words
    with tenant_context(acme.pk):
        assert StaticMember.objects.count() == 0


def test_too_many_are_refused_and_nothing_is_written(people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from segments.actions import SegmentError, lists  # noqa: PLC0415

    monkeypatch.setattr(lists, "MOST_FOUND", 100)
    with pytest.raises(SegmentError, match="100 members at once"):
        list_members(member_ids=list(Member.objects.values_list("pk", flat=True)), name="All")
    assert Segment.objects.count() == 0


def test_who_may_not_change_segments_sees_no_button_and_is_refused(
    acme: Tenant, client: Client, staff: Callable[[Tenant, str], User]
) -> None:
    sign_in(client, staff(acme, "viewer").email)
    assert LISTING not in client.get("/w/acme/admin/members/member/").content.decode()
    assert client.get(LISTING).status_code == 403
