"""Events that surveys wait for."""

from collections.abc import Sequence

from feedback.actions import invite_after_events
from feedback.models import Survey
from members.consumers import Consumer, LoggedEvent, register_consumer


class InviteAfterEvents(Consumer):
    name = "feedback.invite"

    @property
    def names(self) -> frozenset[str]:  # type: ignore[override]  # which events it wants is the workspace's choice
        active = Survey.objects.filter(active=True).exclude(trigger_event="")
        return frozenset(active.values_list("trigger_event", flat=True))

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        invite_after_events(events=events)


register_consumer(InviteAfterEvents())
