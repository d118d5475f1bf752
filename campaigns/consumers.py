"""Messages that are still to go out follow their member into a merge, and out of it when it is taken back."""

from collections.abc import Sequence

from django.db import connection, transaction

from members.consumers import Consumer, LoggedEvent, register_consumer
from members.events import MemberMerged, MemberUnmerged
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

# One decision per run and member: where the survivor has one of its own, the other's ends as “merged” when its turn
# comes. What is being sent already goes out as decided.
_FOLLOW = """
UPDATE campaigns_delivery d SET member_id = %(survivor)s, moved_from = coalesce(d.moved_from, %(other)s)
FROM campaigns_run r
WHERE d.tenant_id = {tenant} AND r.tenant_id = {tenant} AND r.id = d.run_id AND r.finished_at IS NULL
  AND d.member_id = %(other)s AND d.state = 'queued'
  AND NOT EXISTS (SELECT FROM campaigns_delivery o
                  WHERE o.tenant_id = {tenant} AND o.run_id = d.run_id AND o.member_id = %(survivor)s)
"""

# What somebody brought who is no longer the survivor goes to whoever they belong to now: themselves, or, where several
# were merged one into another, the one in between.
_RETURN = """
UPDATE campaigns_delivery d SET member_id = coalesce(b.merged_into_id, b.id),
    moved_from = CASE WHEN b.merged_into_id IS NOT NULL THEN d.moved_from END
FROM campaigns_run r, members_member b
WHERE d.tenant_id = {tenant} AND r.tenant_id = {tenant} AND r.id = d.run_id AND r.finished_at IS NULL
  AND b.tenant_id = {tenant} AND b.id = d.moved_from AND coalesce(b.merged_into_id, b.id) <> d.member_id
  AND d.member_id = %(survivor)s AND d.state = 'queued'
  AND NOT EXISTS (SELECT FROM campaigns_delivery o WHERE o.tenant_id = {tenant} AND o.run_id = d.run_id
                  AND o.member_id = coalesce(b.merged_into_id, b.id))
"""

# Passed over for nothing but the merge, while the run still goes on.
_AGAIN = """
UPDATE campaigns_delivery d SET state = 'queued', reason = NULL, due_at = now()
FROM campaigns_run r, members_member m
WHERE d.tenant_id = {tenant} AND r.tenant_id = {tenant} AND r.id = d.run_id AND r.finished_at IS NULL
  AND d.member_id = %(other)s AND d.state = 'skipped' AND d.reason = 'merged'
  AND m.tenant_id = {tenant} AND m.id = d.member_id AND m.merged_into_id IS NULL
"""


class FollowMerges(Consumer):
    name = "campaigns.merges"
    names = frozenset({MemberMerged.name, MemberUnmerged.name})

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        with connection.cursor() as cursor:
            for event in events:
                pair = {"survivor": event.member_id, "other": event.properties["other"]}
                # Members may have been merged and parted again since: what does not belong goes back at once.
                for statement in (_FOLLOW if event.name == MemberMerged.name else _AGAIN, _RETURN):
                    cursor.execute(statement.format(tenant=require_tenant()), pair)
        transaction.on_commit(lambda: wake("campaigns.send"))


register_consumer(FollowMerges())
