"""Members by stage and by segment, day by day."""

from datetime import timedelta
from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from analytics.models import DailySize, Grain
from analytics.queries.kpi import Kpi, Point, Question, Unit, register
from analytics.queries.periods import Period


class _Sizes(Kpi):
    unit = Unit.MEMBERS
    grains = (Grain.DAY,)
    dimensions = ()
    good_when = "neither"
    kind: ClassVar[str]

    def points(self, question: Question) -> list[Point]:
        rows = DailySize.objects.filter(kind=self.kind, day__gte=question.start, day__lt=question.end)
        return [
            Point(
                period=Period(day, day + timedelta(days=1)),
                key=str(key) if key else "",
                value=size,
                sample=size,
                incomplete=day >= question.today,
            )
            for day, key, size in rows.order_by("day", "key").values_list("day", "key", "size")
        ]


@register
class MembersByStage(_Sizes):
    name = "members_by_stage"
    label = _("Members by stage")
    definition = _(
        "How many members are in each lifecycle stage at the last look on that day. Days before the first are unknown."
    )
    kind = DailySize.Kind.STAGE
    split = "stage"
    order = 160


@register
class MembersBySegment(_Sizes):
    name = "members_by_segment"
    label = _("Members by segment")
    definition = _(
        "How many members are in each segment at the last look on that day; a member may be in several. Days before "
        "the first are unknown."
    )
    kind = DailySize.Kind.SEGMENT
    split = "segment"
    order = 170
