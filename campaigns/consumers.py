"""Messages that are still to go out follow their member into a merge."""

from collections.abc import Sequence

from django.db import connection

from members.consumers import Consumer, LoggedEvent, register_consumer
from members.events import MemberMerged
from urm.tenancy.context import require_tenant

# One decision per run and member: where the survivor has one of its own, the other's ends as “merged” when its turn
# comes. What is being sent already goes out as decided.
_FOLLOW = """
UPDATE campaigns_delivery d SET member_id = %(survivor)s FROM campaigns_run r
WHERE d.tenant_id = {tenant} AND r.tenant_id = {tenant} AND r.id = d.run_id AND r.finished_at IS NULL
  AND d.member_id = %(other)s AND d.state = 'queued'
  AND NOT EXISTS (SELECT FROM campaigns_delivery o
                  WHERE o.tenant_id = {tenant} AND o.run_id = d.run_id AND o.member_id = %(survivor)s)
"""


class FollowMerges(Consumer):
    name = "campaigns.merges"
    names = frozenset({MemberMerged.name})

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        with connection.cursor() as cursor:
            for event in events:
                pair = {"survivor": event.member_id, "other": event.properties["other"]}
                cursor.execute(_FOLLOW.format(tenant=require_tenant()), pair)


register_consumer(FollowMerges())
