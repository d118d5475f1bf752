"""The list of everybody in a campaign, paged by the member's number: the key's own order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from campaigns.models import Campaign, Delivery, Run
from members.models import Member

PAGE = 50


@dataclass(frozen=True)
class Row:
    delivery: Delivery
    member: Member | None


def delivery_page(campaign: Campaign, given: Mapping[str, str]) -> dict[str, Any]:
    """`?state=` keeps one state, `?after=` begins after that member."""
    run_ids = list(Run.objects.filter(campaign=campaign).values_list("pk", flat=True))
    found = Delivery.objects.filter(run_id__in=run_ids).order_by("member_id")
    state, after = given.get("state", ""), given.get("after", "")
    if state in Delivery.State.values:
        found = found.filter(state=state)
    if after.isdigit() and len(after) < 19:
        found = found.filter(member_id__gt=int(after))
    rows = list(found[: PAGE + 1])
    people = Member.objects.in_bulk([row.member_id for row in rows[:PAGE]])
    following = urlencode({"state": state, "after": rows[PAGE - 1].member_id}) if len(rows) > PAGE else ""
    return {
        "rows": [Row(row, people.get(row.member_id)) for row in rows[:PAGE]],
        "state": state,
        "following": following,
    }
