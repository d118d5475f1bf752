"""Letting go of what a workspace does not want to keep: set by people, done at night in slices."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from members.actions.members import MemberError
from members.models import RetentionPeriod
from urm.audit.actions import record
from urm.privacy.retention import kinds_of_retention
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant
from urm.tenancy.work import wake

SLICE = 5000
HOUR = 3  # local: the night's turn


def set_retention(*, periods: Mapping[str, int | None]) -> None:
    """Days by kind; None keeps for ever. Raises MemberError by kind. Nothing goes before the night."""
    kinds = kinds_of_retention()
    problems = {name: _("Unknown kind.") for name in periods.keys() - kinds.keys()}
    for name, days in periods.items():
        if name in kinds and days is not None and not kinds[name].least_days <= days <= 36_500:
            problems[name] = _("Must lie between %(least)s and 36,500 days.") % {"least": kinds[name].least_days}
    if problems:
        raise MemberError(problems)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=require_tenant())
        stored = {row.kind: row for row in RetentionPeriod.objects.all()}
        for name, days in periods.items():
            row = stored.get(name)
            before = row.days if row else None
            if before == days:
                continue
            if days is None:
                target = stored[name]
                record(verb="retention.set", target=target, target_label=name, before={"days": before})
                target.delete()
            else:
                target, _created = RetentionPeriod.objects.update_or_create(
                    kind=name, defaults={"days": days, "ran_on": None, "removed": 0}
                )
                given = {"days": before} if before is not None else None
                record(verb="retention.set", target=target, target_label=name, before=given, after={"days": days})
        transaction.on_commit(wake_at_night)


def preview_retention(*, periods: Mapping[str, int | None]) -> dict[str, int]:
    """How much of each kind would go tonight."""
    kinds = kinds_of_retention()
    return {
        name: kinds[name].count(_moment(days)) for name, days in periods.items() if name in kinds and days is not None
    }


def let_go() -> bool:
    """One slice of the night's turn; False when it is not night, or all is done for this day."""
    today = _local_now()
    if today.hour < HOUR:
        return False
    row = RetentionPeriod.objects.exclude(ran_on=today.date()).order_by("kind").first()
    if row is None:
        return False
    kind = kinds_of_retention().get(row.kind)
    with transaction.atomic():
        row = RetentionPeriod.objects.select_for_update().get(pk=row.pk)
        if row.ran_on == today.date():
            return True
        gone = kind.remove(_moment(row.days), SLICE) if kind else 0
        # `ran_on` is empty while a night's turn is under way, so its slices add up.
        row.removed = gone + (row.removed if row.ran_on is None else 0)
        row.ran_on = today.date() if gone < SLICE else None
        if row.ran_on is not None and row.removed:
            record(verb="retention.run", target=row, target_label=row.kind, after={"removed": row.removed})
        row.save(update_fields=["removed", "ran_on"])
    return True


def wake_at_night() -> None:
    """Set the alarm for the next night's turn of this workspace."""
    now = _local_now()
    night = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    wake("retention", night if night > now else night + timedelta(days=1))


def _local_now() -> datetime:
    return timezone.now().astimezone(Tenant.objects.get(pk=require_tenant()).zone)


def _moment(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)
