"""Messages that are still to go out follow a merge, and nobody gets one twice."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Delivery, Run
from campaigns.queries.report import deliveries_of_member
from members.actions import merge_members, unmerge_members
from members.models import Member
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


@pytest.mark.parametrize(
    ("of_survivor", "of_other", "expected"),
    [
        (None, "queued", [("survivor", "queued")]),
        ("queued", "queued", [("other", "queued"), ("survivor", "queued")]),  # the other's then ends as merged
        (None, "sent", [("other", "sent")]),
    ],
)
def test_open_delivery_follows_unless_the_survivor_has_one(
    in_acme: Tenant,
    crowd: Callable[..., Campaign],
    of_survivor: str | None,
    of_other: str,
    expected: list[tuple[str, str]],
) -> None:
    drain(in_acme.pk, names=["stream"])
    run = Run.objects.create(campaign=crowd(2), fire_at=timezone.now())
    survivor, other = Member.objects.order_by("pk")
    for member, state in ((survivor, of_survivor), (other, of_other)):
        if state:
            due = timezone.now() if state == "queued" else None
            Delivery.objects.create(member_id=member.pk, run_id=run.pk, state=state, due_at=due)
    merge_members(survivor=survivor, other=other)
    drain(in_acme.pk, names=["stream"])
    names = {survivor.pk: "survivor", other.pk: "other"}
    assert sorted((names[row.member_id], row.state) for row in Delivery.objects.all()) == expected
    assert [shown.run.pk for shown in deliveries_of_member(survivor.pk)] == [run.pk]


@pytest.fixture
def run(in_acme: Tenant, crowd: Callable[..., Campaign]) -> Run:
    drain(in_acme.pk, names=["stream"])
    return Run.objects.create(campaign=crowd(3), fire_at=timezone.now())


def decide(run: Run, member: Member, state: str = "queued", reason: str | None = None) -> None:
    due = timezone.now() if state == "queued" else None
    Delivery.objects.create(member_id=member.pk, run_id=run.pk, state=state, reason=reason, due_at=due)


def decided() -> list[tuple[str | None, str, str | None]]:
    names = dict(Member.objects.values_list("pk", "external_id"))
    return sorted((names[row.member_id], row.state, row.reason) for row in Delivery.objects.all())


def test_open_delivery_goes_back_when_the_merge_is_taken_back(in_acme: Tenant, run: Run) -> None:
    survivor, other, _third = Member.objects.order_by("pk")
    decide(run, other)
    merge = merge_members(survivor=survivor, other=other)
    drain(in_acme.pk, names=["stream"])
    assert decided() == [("m-0", "queued", None)]
    unmerge_members(merge=merge)
    drain(in_acme.pk, names=["stream"])
    assert decided() == [("m-1", "queued", None)]
    assert Delivery.objects.get().moved_from is None


def test_delivery_sent_meanwhile_and_the_survivors_own_stay(in_acme: Tenant, run: Run) -> None:
    survivor, other, _third = Member.objects.order_by("pk")
    decide(run, other)
    second = Run.objects.create(campaign=run.campaign, fire_at=timezone.now())
    decide(second, survivor)
    merge = merge_members(survivor=survivor, other=other)
    drain(in_acme.pk, names=["stream"])
    Delivery.objects.filter(run_id=run.pk).update(state="sent", due_at=None)
    unmerge_members(merge=merge)
    drain(in_acme.pk, names=["stream"])
    assert decided() == [("m-0", "queued", None), ("m-0", "sent", None)]


def test_delivery_passed_over_for_the_merge_waits_again_while_the_run_goes_on(in_acme: Tenant, run: Run) -> None:
    survivor, other, third = Member.objects.order_by("pk")
    ended = Run.objects.create(campaign=run.campaign, fire_at=timezone.now(), finished_at=timezone.now())
    for one in (run, ended):
        decide(one, survivor, "sent")
        decide(one, other, "skipped", "merged")
    decide(run, third, "skipped", "merged")  # whoever this was merged into, it is none of this merge's
    unmerge_members(merge=merge_members(survivor=survivor, other=other))
    drain(in_acme.pk, names=["stream"])
    assert decided() == [
        ("m-0", "sent", None),
        ("m-0", "sent", None),
        ("m-1", "queued", None),
        ("m-1", "skipped", "merged"),
        ("m-2", "skipped", "merged"),
    ]


def test_merges_of_merges_give_back_to_the_one_in_between(in_acme: Tenant, run: Run) -> None:
    survivor, other, third = Member.objects.order_by("pk")
    decide(run, third)
    inner = merge_members(survivor=other, other=third)
    drain(in_acme.pk, names=["stream"])
    outer = merge_members(survivor=survivor, other=other)
    drain(in_acme.pk, names=["stream"])
    assert decided() == [("m-0", "queued", None)]
    unmerge_members(merge=outer)
    drain(in_acme.pk, names=["stream"])
    assert decided() == [("m-1", "queued", None)]
    unmerge_members(merge=inner)
    drain(in_acme.pk, names=["stream"])
    assert decided() == [("m-2", "queued", None)]


@pytest.mark.parametrize("again", [False, True])
def test_merging_and_parting_at_once_ends_where_it_belongs(in_acme: Tenant, run: Run, again: bool) -> None:
    """The consumer comes late: all of it lies in one batch."""
    survivor, other, third = Member.objects.order_by("pk")
    decide(run, other)
    first = merge_members(survivor=survivor, other=other)
    if again:
        drain(in_acme.pk, names=["stream"])
    unmerge_members(merge=first)
    merge_members(survivor=third, other=survivor)
    drain(in_acme.pk, names=["stream"])
    assert decided() == [("m-1", "queued", None)]
