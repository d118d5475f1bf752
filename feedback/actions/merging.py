"""Invitations that wait follow people: two members become one, and one becomes two again."""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone

from feedback.actions.invitations import FRESH
from feedback.actions.sending import NOT_SENT
from feedback.models import Invitation
from members.models import Member
from urm.tenancy.work import wake

_State = Invitation.State


def follow_merge(*, survivor_id: int, other_id: int) -> None:
    """Hand over what was not sent yet, unless the survivor has the same one."""
    had = Invitation.objects.filter(
        member=survivor_id, survey=OuterRef("survey"), trigger_event_id=OuterRef("trigger_event_id")
    )
    waiting = Invitation.objects.filter(member=other_id, state=_State.QUEUED).exclude(Exists(had))
    waiting.update(member=survivor_id, moved_from=Coalesce("moved_from", other_id))


def return_invitations(*, survivor_id: int) -> None:
    """Give back what was brought by somebody who is no longer the survivor, and not sent yet: to themselves, or, where
    several were merged one into another, to the one in between."""
    with transaction.atomic():
        waiting = Invitation.objects.select_for_update().filter(
            member=survivor_id, state=_State.QUEUED, moved_from__isnull=False
        )
        rows = list(waiting.order_by("pk"))
        brought = Member.objects.in_bulk({row.moved_from for row in rows})
        for row in rows:
            holder = brought[row.moved_from or 0]
            member_id = holder.merged_into_id or holder.pk
            same = Invitation.objects.filter(
                survey=row.survey_id, member=member_id, trigger_event_id=row.trigger_event_id
            )
            if member_id != survivor_id and not same.exists():
                moved_from = row.moved_from if holder.merged_into_id else None
                Invitation.objects.filter(pk=row.pk).update(member=member_id, moved_from=moved_from)


def ask_again(*, member_id: int) -> None:
    """What was passed over for nothing but a merge that was taken back waits again, while it is fresh."""
    with transaction.atomic():
        Invitation.objects.filter(
            member=member_id,
            member__merged_into=None,
            state=_State.SKIPPED,
            detail=NOT_SENT["merged"],
            send_at__gt=timezone.now() - FRESH,
        ).update(state=_State.QUEUED, detail="")
        transaction.on_commit(lambda: wake("feedback.send"))
