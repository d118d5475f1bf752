from django.utils.translation import gettext_lazy as _

from analytics.queries.kpi import Unit, register
from analytics.queries.totals import Totals
from analytics.queries.totals_kpi import Figure, TotalsKpi


@register
class Revenue(TotalsKpi):
    name = "revenue"
    label = _("Revenue")
    definition = _(
        "Sum of the amounts of all orders, in the workspace's currency. Refunds are not netted: only a purchase event "
        "with a negative amount lowers it."
    )
    unit = Unit.MONEY
    order = 40

    def figure(self, totals: Totals) -> Figure:
        return Figure(totals.revenue, sample=totals.orders)
