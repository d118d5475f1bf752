"""Messages that are still to go out follow a merge, and nobody gets one twice."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Delivery, Run
from campaigns.queries.report import deliveries_of_member
from members.actions import merge_members
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
