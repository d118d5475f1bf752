"""Targets of stages."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from segments.actions.segments import SegmentError
from segments.models import Stage, StageTarget
from urm.audit.actions import record

MOST = 1_000_000_000


def set_stage_target(*, stage: Stage, month: date, metric: str, goal: int) -> StageTarget:
    """One goal per stage, month and figure; another one replaces it. Raises SegmentError."""
    if metric not in StageTarget.Metric.values:
        raise SegmentError({"metric": _("Use one of: %(names)s.") % {"names": ", ".join(StageTarget.Metric.values)}})
    if not 0 < goal <= MOST:
        raise SegmentError({"goal": _("Must be a number above 0.")})
    with transaction.atomic():
        target, _created = StageTarget.objects.update_or_create(
            stage=stage, month=month.replace(day=1), metric=metric, defaults={"goal": goal}
        )
        after = {"month": f"{target.month:%Y-%m}", "metric": metric, "goal": goal}
        record(verb="stage.set_target", target=stage, after=after)
    return target


def remove_stage_target(*, target: StageTarget) -> None:
    with transaction.atomic():
        before = {"month": f"{target.month:%Y-%m}", "metric": target.metric, "goal": target.goal}
        record(verb="stage.remove_target", target=target.stage, before=before)
        target.delete()
