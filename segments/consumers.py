"""After every absorbed batch: look again at the members it touched, and at those whose time has come."""

from datetime import timedelta

from django.utils import timezone

from members.consumers import register_consumer
from segments.actions import refresh_members
from segments.actions.audiences import note_changes
from urm.tenancy.work import wake


class RefreshSegments:
    """Works off the marks on members, not the log: what else changes a member (profile, tags, points) marks it too."""

    name = "segments"

    def run(self) -> bool:
        refreshed = refresh_members()
        if refreshed is None:  # another worker is at it: look again soon
            wake("stream", timezone.now() + timedelta(seconds=1))
            return False
        if refreshed.looked_at:
            note_changes()
        return bool(refreshed.looked_at)


register_consumer(RefreshSegments())
