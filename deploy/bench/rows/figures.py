"""Row 3: every figure of the dashboard, read from the roll-ups, against one scan of the events it is made from."""

from __future__ import annotations

from functools import partial

from django.db import connection

from analytics.actions import request_rebuild
from analytics.admin.figures import chart_of, heatmap_of
from analytics.models import MemberDay, RollupState
from analytics.queries import Kpi, ask, measure, registered_kpis
from deploy.bench.table import Context, Row, measures, seconds
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

EVERY = ("month", "week", "day")  # a dashboard can be set to any of these


@measures("3")
def dashboard(context: Context) -> Row:
    workspace = context.large
    tenant = Tenant.objects.get(pk=workspace.id)
    with tenant_context(tenant.pk):
        filled = RollupState.objects.filter(rolled_at__isnull=False).exists() and MemberDay.objects.exists()
        if not filled:
            request_rebuild()
    rebuilt = 0.0 if filled else seconds(partial(drain, tenant.pk, names=["rollups"]))
    with context.owner() as owner:
        owner.execute("ANALYZE analytics_memberday, analytics_membersummary, analytics_periodtotals")
    with tenant_context(tenant.pk):

        def scan() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*), sum(amount) FROM members_event WHERE tenant_id = %s", [tenant.pk])
                if cursor.fetchone()[0] == 0:
                    raise RuntimeError("there are no events")

        found = {
            (kpi.name, grain): context.compare(partial(_show, kpi, grain, tenant), scan)
            for kpi in registered_kpis()
            if kpi.on_dashboard
            for grain in EVERY
            if grain in kpi.grains
        }
    (name, grain), (ratio, ours, limit) = max(found.items(), key=lambda item: item[1][0])
    costs = {"analytics.rebuild_event_seconds": rebuilt / workspace.events} if rebuilt else {}
    return context.row(
        "3",
        ratio,
        f"{ours * 1000:.0f} ms ({name} by {grain}, the slowest of {len(found)}) ÷ {limit * 1000:.0f} ms",
        costs=costs,
    )


def _show(kpi: Kpi, grain: str, tenant: Tenant) -> None:
    """All that the page does for it."""
    measured = measure(kpi, ask(kpi, {"period": grain}, tenant=tenant), tenant=tenant)
    if kpi.shape == "matrix":
        heatmap_of(measured)
    else:
        chart_of(measured).as_json()
