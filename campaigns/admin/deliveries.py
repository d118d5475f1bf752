"""The list of everybody in a campaign, paged by the member's number: the key's own order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from campaigns.models import Campaign, Delivery, Run
from members.models import Member
from segments.queries.propositions import Proposition, in_language
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

PAGE = 50


@dataclass(frozen=True)
class Row:
    delivery: Delivery
    member: Member | None
    proposition: str  # version of the value proposition that the message quotes, as “en 3”


def delivery_page(campaign: Campaign, given: Mapping[str, str]) -> dict[str, Any]:
    """`?state=` keeps one state, `?after=` begins after that member."""
    own = Tenant.objects.only("language").get(pk=require_tenant()).language
    versions = dict(Run.objects.filter(campaign=campaign).values_list("pk", "propositions"))
    run_ids = list(versions)
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
        "rows": [
            Row(row, people.get(row.member_id), quoted_version(versions[row.run_id], people.get(row.member_id), own))
            for row in rows[:PAGE]
        ],
        "quotes": any(versions.values()) and "segment.value_proposition" in campaign.message.body,
        "state": state,
        "following": following,
    }


def quoted_version(versions: Mapping[str, int], member: Member | None, own: str) -> str:
    """Which of a run's versions a member is addressed with, as “en 3”."""
    found = {language: Proposition(language, version, "", "", "") for language, version in versions.items()}
    chosen = in_language(found, [member.language if member else None, own])
    return f"{chosen.language} {chosen.version}" if chosen else ""
