"""Static lists, freezing, overlap, and the history of a segment page by page."""

from itertools import combinations
from typing import Any

import pytest
from django.test import Client

from members.actions import upsert_member
from members.models import Member, MemberState
from segments.actions import (
    SegmentError,
    add_to_list,
    change_list_by_ids,
    create_segment,
    freeze_segment,
    recompute_segments,
    refresh_members,
)
from segments.models import Change, Segment, StaticMember
from segments.queries import changes_of_segment, members_of, preview
from segments.queries.overlap import combination_rule, overlap
from tests.segments.conftest import Buy
from tests.ui.conftest import sign_in
from urm.audit.models import AuditEntry
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

BIG = {"fact": "event", "name": "purchase", "measure": "sum:amount", "op": "gte", "value": 100}


def people(count: int) -> list[Member]:
    return [upsert_member(external_id=f"c-{number}", traits={})[0] for number in range(count)]


def on(segment: Segment) -> list[str]:
    return sorted(str(one) for one in members_of(segment).values_list("external_id", flat=True))


def test_frozen_segment_keeps_who_was_in(buy: Buy) -> None:
    big = create_segment(name="Big", rule=BIG)
    buy("c-1", amount=100)
    buy("c-2", amount=50)
    recompute_segments()
    frozen = freeze_segment(segment=big, name="Big then")
    recompute_segments()
    buy("c-2", amount=50)
    refresh_members()
    assert (on(big), on(frozen)) == (["c-1", "c-2"], ["c-1"])
    assert frozen.kind == "static"
    assert AuditEntry.objects.get(verb="segment.freeze").after == {"of": big.pk, "members": 1}


def test_ids_are_put_on_and_taken_off_and_unknown_ones_are_told(in_acme: Tenant) -> None:
    people(3)
    listed = create_segment(name="List", kind="static")
    first = change_list_by_ids(segment=listed, external_ids=["c-0", " c-1 ", "", "c-0", "nobody"])
    assert (first.changed, first.already, first.unknown) == (2, 0, ("nobody",))
    again = change_list_by_ids(segment=listed, external_ids=["c-1", "c-2"])
    assert (again.changed, again.already, again.unknown) == (1, 1, ())
    off = change_list_by_ids(segment=listed, external_ids=["c-0"], remove=True)
    assert (off.changed, off.already) == (1, 0)
    recompute_segments()
    assert on(listed) == ["c-1", "c-2"]


def test_ids_for_a_segment_by_rule_are_refused(shop: Tenant) -> None:
    people(1)
    big = create_segment(name="Big", rule=BIG)
    with pytest.raises(SegmentError) as refused:
        change_list_by_ids(segment=big, external_ids=["c-0"])
    assert list(refused.value.fields) == ["segment"]


def test_overlap_counts_each_member_in_exactly_one_combination(in_acme: Tenant) -> None:
    members = people(40)
    lists = []
    for number, every in enumerate((2, 3, 5, 7, 11)):
        one = create_segment(name=f"every {every}", kind="static")
        add_to_list(segment=one, members=[member for at, member in enumerate(members) if at % every == 0])
        lists.append((one, every, number))
    recompute_segments()
    found = overlap([one for one, _every, _number in lists])
    expected: dict[frozenset[int], int] = {}
    for at in range(40):
        places = frozenset(number for _one, every, number in lists if at % every == 0)
        if places:
            expected[places] = expected.get(places, 0) + 1
    assert dict(found.combinations) == expected
    assert found.sizes == (20, 14, 8, 6, 4)
    assert found.anywhere == sum(expected.values())
    for places in [frozenset(chosen) for size in (1, 2, 3) for chosen in combinations(range(5), size)]:
        rule = combination_rule(found.segments, places)
        assert preview(rule).count == expected.get(places, 0)


def test_overlap_is_one_statement(in_acme: Tenant, django_assert_num_queries: Any) -> None:
    segments = [create_segment(name=f"s{number}", kind="static") for number in range(5)]
    with django_assert_num_queries(1):
        overlap(segments)


def test_history_goes_on_where_the_page_before_ended(in_acme: Tenant) -> None:
    members = people(7)
    listed = create_segment(name="List", kind="static")
    recompute_segments()
    add_to_list(segment=listed, members=members)
    refresh_members()
    change_list_by_ids(segment=listed, external_ids=["c-1", "c-2"], remove=True)
    refresh_members()
    everything = list(Change.objects.order_by("-at", "-id").values_list("id", flat=True))
    seen: list[int] = []
    before = None
    while page := changes_of_segment(listed, before=before, limit=2):
        seen += [change.id for change in page]
        before = (page[-1].at, page[-1].id)
    assert seen == everything
    assert [change.entered for change in changes_of_segment(listed, entered=False)] == [False, False]
    assert len(changes_of_segment(listed, entered=True)) == 7


def test_pages_write_what_they_say(client: Client, acme: Tenant, staff: Any) -> None:
    with tenant_context(acme.pk):
        people(3)
        listed = create_segment(name="List", kind="static")
    user = staff(acme, "marketer")
    sign_in(client, user.email)
    address = f"/w/acme/admin/segments/segment/{listed.pk}"
    answer = client.post(f"{address}/list/", {"ids": 'c-0,x\n"c-1"\tz\nnobody', "do": "add"})
    assert (answer.status_code, "nobody" in answer.content.decode()) == (200, True)
    with tenant_context(acme.pk):
        member = Member.objects.get(external_id="c-0")
        assert StaticMember.objects.filter(segment=listed).count() == 2
    assert client.post(f"{address}/list/", {"member": member.pk}).status_code == 302
    with tenant_context(acme.pk):
        assert [row.member.external_id for row in StaticMember.objects.select_related("member")] == ["c-1"]
        recompute_segments()
        assert MemberState.objects.filter(segment_ids=[listed.pk]).count() == 1
    client.post(f"{address}/freeze/")
    other = {"segment": [listed.pk], "places": "0"}
    assert client.post("/w/acme/admin/segments/overlap/", other).status_code == 302
    with tenant_context(acme.pk):
        frozen, made = Segment.objects.exclude(pk=listed.pk).order_by("id")
        assert (frozen.kind, made.name, made.rule) == ("static", "List (2)", combination_rule([listed], {0}))
