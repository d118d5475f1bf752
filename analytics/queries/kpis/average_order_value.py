from django.utils.translation import gettext_lazy as _

from analytics.queries.kpi import Unit, register
from analytics.queries.totals import Totals
from analytics.queries.totals_kpi import Figure, TotalsKpi


@register
class AverageOrderValue(TotalsKpi):
    name = "average_order_value"
    label = _("Average order value")
    definition = _("Revenue of the period divided by its orders. Refunds are not netted.")
    denominator = _("Orders in the period")
    unit = Unit.MONEY
    order = 50

    def figure(self, totals: Totals) -> Figure:
        mean = totals.revenue / totals.orders if totals.orders else None
        return Figure(mean, totals.orders, totals.revenue, totals.orders)
