from django.utils.translation import gettext_lazy as _

from analytics.queries.kpi import Unit, register
from analytics.queries.totals import Totals
from analytics.queries.totals_kpi import Figure, TotalsKpi


@register
class NewMembers(TotalsKpi):
    name = "new_members"
    label = _("New members")
    definition = _("Members whose first event, or whose record if that is older, falls in the period.")
    unit = Unit.MEMBERS
    order = 20

    def figure(self, totals: Totals) -> Figure:
        return Figure(totals.new_members, sample=totals.new_members)
