from django.utils.translation import gettext_lazy as _

from analytics.queries.kpi import Unit, register, share
from analytics.queries.totals import Totals
from analytics.queries.totals_kpi import Figure, TotalsKpi


@register
class RepeatPurchaseRate(TotalsKpi):
    name = "repeat_purchase_rate"
    label = _("Repeat purchase rate")
    definition = _(
        "Customers with two or more orders in the period ÷ customers with at least one order in it (复购率)."
    )
    denominator = _("Customers with at least one order in the period")
    unit = Unit.SHARE
    order = 60

    def figure(self, totals: Totals) -> Figure:
        rate = share(totals.repeat_buyers, totals.buyers)
        return Figure(rate, totals.buyers, totals.repeat_buyers, totals.buyers)
