"""Who of a segment gets a campaign, and who does not and why. One statement decides and counts."""

from dataclasses import dataclass

from django.db import connection, transaction

from campaigns.models import Campaign, Delivery
from members.queries.permission import gate
from urm.tenancy.context import require_tenant

_GATE = gate("email")  # the only channel that campaigns have

# Rows (member_id, reason) of everybody in the segment.
AUDIENCE = f"""
SELECT m.id AS member_id, {_GATE.obstacle} AS reason
FROM members_memberstate s
JOIN members_member m ON m.tenant_id = {{tenant}} AND m.id = s.member_id
{_GATE.joins}
WHERE s.tenant_id = {{tenant}} AND s.segment_ids @> ARRAY[%(segment)s]::int[]
"""


# Joins by hashing, whatever the planner takes for small after an import that is not analyzed yet: looking up each
# member in a loop is quick at best, and quadratic at worst. Holds until the transaction's end.
WHOLE_TABLES = "SET LOCAL enable_nestloop = off"


@dataclass(frozen=True)
class Waterfall:
    """`skipped`: members by reason, in the order in which reasons take precedence; only those that occur."""

    audience: int
    skipped: dict[str, int]

    @property
    def reached(self) -> int:
        return self.audience - sum(self.skipped.values())

    @property
    def steps(self) -> list[tuple[str, str, int]]:
        """(reason, its label, members)"""
        return [(reason, str(Delivery.Reason(reason).label), count) for reason, count in self.skipped.items()]


def waterfall(counts: dict[str | None, int]) -> Waterfall:
    """From counts by reason, None for those who get it."""
    skipped = {reason: counts[reason] for reason in Delivery.Reason.values if counts.get(reason)}
    return Waterfall(audience=sum(counts.values()), skipped=skipped)


def expected_audience(campaign: Campaign) -> Waterfall:
    """As it would be if the campaign went out now."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WHOLE_TABLES)
        cursor.execute(
            f"SELECT reason, count(*) FROM ({AUDIENCE}) a GROUP BY reason".format(tenant=require_tenant()),
            audience_parameters(campaign),
        )
        return waterfall(dict(cursor.fetchall()))


def audience_parameters(campaign: Campaign) -> dict[str, str | int]:
    return {"channel": campaign.channel, "purpose": campaign.purpose, "segment": campaign.segment_id}
