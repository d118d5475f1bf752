"""Events that surveys wait for."""

from collections.abc import Sequence

from feedback.actions import invite_after_events
from feedback.actions.merging import ask_again, follow_merge, return_invitations
from feedback.models import Survey
from members.consumers import Consumer, LoggedEvent, register_consumer
from members.events import MemberMerged, MemberUnmerged


class InviteAfterEvents(Consumer):
    name = "feedback.invite"

    @property
    def names(self) -> frozenset[str]:  # type: ignore[override]  # which events it wants is the workspace's choice
        active = Survey.objects.filter(active=True).exclude(trigger_event="")
        return frozenset(active.values_list("trigger_event", flat=True))

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        invite_after_events(events=events)


class FollowMerges(Consumer):
    """Invitations that were not sent yet follow their member into a merge, unless the survivor has the same one; and go
    back to whoever brought them when it is taken back."""

    name = "feedback.merges"
    names = frozenset({MemberMerged.name, MemberUnmerged.name})

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            if event.name == MemberMerged.name:
                follow_merge(survivor_id=event.member_id, other_id=event.properties["other"])
            else:
                ask_again(member_id=event.properties["other"])
            # Members may have been merged and parted again since: what does not belong goes back at once.
            return_invitations(survivor_id=event.member_id)


register_consumer(InviteAfterEvents())
register_consumer(FollowMerges())
