"""A campaign's life: draft → scheduled → running ⇄ paused → done, or cancelled. Every step is a compare-and-swap."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Message, Run
from campaigns.queries.lint import check_campaign
from segments.models import Segment
from urm.audit.actions import record, snapshot
from urm.audit.actor import current_actor
from urm.tenancy.models import validate_time_zone
from urm.tenancy.work import wake

State = Campaign.State
_FIELDS = ("name", "segment", "message", "channel", "purpose")


def create_campaign(*, name: str, segment: Segment, message: Message, purpose: str = "marketing") -> Campaign:
    campaign = Campaign(name=name, segment=segment, message=message, purpose=purpose, created_by=current_actor().label)
    campaign.clean_fields()
    with transaction.atomic():
        campaign.save()
        record(verb="campaign.create", target=campaign, after=snapshot(campaign, *_FIELDS))
    return campaign


def change_campaign(*, campaign: Campaign, name: str, segment: Segment, message: Message, purpose: str) -> Campaign:
    """Only drafts can be changed (code `not_a_draft`)."""
    with transaction.atomic():
        stored = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if stored.state != State.DRAFT:
            raise ValidationError(_("Only a draft can be changed."), code="not_a_draft")
        before = snapshot(stored, *_FIELDS)
        stored.name, stored.segment, stored.message, stored.purpose = name, segment, message, purpose
        stored.clean_fields()
        stored.save()
        record(verb="campaign.update", target=stored, before=before, after=snapshot(stored, *_FIELDS))
    return stored


def schedule_campaign(*, campaign: Campaign, local_time: str, time_zone: str) -> Campaign:
    """Have it go out at a wall-clock time (`2026-03-29T09:00`) of a time zone.

    An hour that occurs twice means its first occurrence, one that is left out the moment it would have been.
    """
    at = moment_of(local_time, time_zone)
    if at <= timezone.now():
        raise ValidationError({"local_time": _("This moment is past. Choose a later one, or launch now.")})
    return _set_out(campaign, at, local_time=local_time, time_zone=time_zone, verb="campaign.schedule")


def launch_campaign(*, campaign: Campaign) -> Campaign:
    """Have it go out now: a worker decides who gets it within a second. A second press is refused (`not_a_draft`)."""
    return _set_out(campaign, timezone.now(), local_time="", time_zone="", verb="campaign.launch")


def moment_of(local_time: str, time_zone: str) -> datetime:
    """The moment in UTC; raises ValidationError by field."""
    try:
        local = datetime.fromisoformat(local_time)
    except ValueError as error:
        raise ValidationError({"local_time": _("Must be a date and time such as 2026-03-29T09:00.")}) from error
    if local.tzinfo is not None:
        raise ValidationError({"local_time": _("Give the local time without an offset, and the time zone beside it.")})
    try:
        validate_time_zone(time_zone)
    except ValidationError as error:
        raise ValidationError({"time_zone": error.messages}) from error
    return local.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def _set_out(campaign: Campaign, at: datetime, *, local_time: str, time_zone: str, verb: str) -> Campaign:
    if blocking := [finding for finding in check_campaign(campaign) if finding.blocking]:
        raise ValidationError({finding.field: finding.text for finding in blocking})
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=campaign.message_id)  # nobody changes it while it becomes final
        changed = Campaign.objects.filter(pk=campaign.pk, state=State.DRAFT).update(
            state=State.SCHEDULED,
            scheduled_at=at,
            local_time=local_time[:16],
            time_zone=time_zone,
            launched_at=timezone.now(),
            launched_by=current_actor().label,
        )
        if not changed:
            raise ValidationError(_("This campaign has been launched already."), code="not_a_draft")
        record(verb=verb, target=campaign, after={"at": at.isoformat(), "time_zone": time_zone})
        transaction.on_commit(lambda: wake("campaigns.schedule", at))
    campaign.refresh_from_db()
    return campaign


def pause_campaign(*, campaign: Campaign) -> Campaign:
    """Hand nothing more over. What is being handed over at this moment (a few dozen) still goes."""
    return _move(
        campaign, (State.RUNNING,), State.PAUSED, "campaign.pause", _("Only a running campaign can be paused.")
    )


def resume_campaign(*, campaign: Campaign) -> Campaign:
    return _move(campaign, (State.PAUSED,), State.RUNNING, "campaign.resume", _("Only a paused campaign can go on."))


def cancel_campaign(*, campaign: Campaign) -> Campaign:
    """Stop for good; who was to get it and did not is kept with the reason."""
    return _move(
        campaign,
        (State.DRAFT, State.SCHEDULED, State.RUNNING, State.PAUSED),
        State.CANCELLED,
        "campaign.cancel",
        _("This campaign is over already."),
    )


def _move(campaign: Campaign, from_states: tuple[str, ...], to: str, verb: str, refusal: str) -> Campaign:
    with transaction.atomic():
        changed = Campaign.objects.filter(pk=campaign.pk, state__in=from_states).update(
            state=to, finished_at=timezone.now() if to == State.CANCELLED else None
        )
        if not changed:
            raise ValidationError(refusal, code="wrong_state")
        record(verb=verb, target=campaign, before={"state": campaign.state}, after={"state": str(to)})
        if Run.objects.filter(campaign=campaign).exists():
            transaction.on_commit(lambda: wake("campaigns.send"))
    campaign.refresh_from_db()
    return campaign
