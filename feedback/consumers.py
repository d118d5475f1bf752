"""Events that surveys wait for."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef

from feedback.actions import invite_after_events
from feedback.models import Invitation, Survey
from members.consumers import Consumer, LoggedEvent, register_consumer
from members.events import MemberMerged


class InviteAfterEvents(Consumer):
    name = "feedback.invite"

    @property
    def names(self) -> frozenset[str]:  # type: ignore[override]  # which events it wants is the workspace's choice
        active = Survey.objects.filter(active=True).exclude(trigger_event="")
        return frozenset(active.values_list("trigger_event", flat=True))

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        invite_after_events(events=events)


class FollowMerges(Consumer):
    """Invitations that were not sent yet follow their member into a merge, unless the survivor has the same one."""

    name = "feedback.merges"
    names = frozenset({MemberMerged.name})

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            had = Invitation.objects.filter(
                member=event.member_id, survey=OuterRef("survey"), trigger_event_id=OuterRef("trigger_event_id")
            )
            waiting = Invitation.objects.filter(member=event.properties["other"], state=Invitation.State.QUEUED)
            waiting.exclude(Exists(had)).update(member=event.member_id)


register_consumer(InviteAfterEvents())
register_consumer(FollowMerges())
