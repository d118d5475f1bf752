from django.utils.translation import gettext_lazy as _

from analytics.queries.kpi import Unit, register
from analytics.queries.totals import Totals
from analytics.queries.totals_kpi import Figure, TotalsKpi


@register
class ActiveMembers(TotalsKpi):
    name = "active_members"
    label = _("Active members")
    definition = _(
        "Members with at least one event in the day, week (from Monday) or month, each counted once in it: a week is "
        "not the sum of its days. What the platform does to a member (messages, points, segments) is no activity."
    )
    unit = Unit.MEMBERS
    order = 10

    def figure(self, totals: Totals) -> Figure:
        return Figure(totals.active, sample=totals.active)
