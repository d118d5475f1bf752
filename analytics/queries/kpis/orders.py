from django.utils.translation import gettext_lazy as _

from analytics.queries.kpi import Unit, register
from analytics.queries.totals import Totals
from analytics.queries.totals_kpi import Figure, TotalsKpi


@register
class Orders(TotalsKpi):
    name = "orders"
    label = _("Orders")
    definition = _(
        "Purchase events with an amount (0 included) that came with a secret key. Which event is a purchase is a "
        "setting."
    )
    unit = Unit.ORDERS
    order = 30

    def figure(self, totals: Totals) -> Figure:
        return Figure(totals.orders, sample=totals.orders)
