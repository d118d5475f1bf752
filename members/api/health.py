"""What `/readyz` and `/metrics` say about the log."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from members.queries import inbox_backlog, log_has_partition
from urm.rest.health import readiness_check
from urm.rest.metrics import register_gauges
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant


@readiness_check("log_partitions", required=False)
def partitions_ahead() -> str | None:
    """Without next month's partition events still find the default one, only slower: degraded, not failing."""
    next_month = timezone.now().replace(day=1) + timedelta(days=32)
    if log_has_partition(next_month.date()):
        return None
    return f"No partition for {next_month:%Y-%m}; the scheduler's daily make_partitions has not run."


@register_gauges
def inbox() -> Iterable[Metric]:
    now = timezone.now()
    events, oldest = 0, now
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        with tenant_context(tenant_id):
            waiting, since = inbox_backlog()
        events += waiting
        oldest = min(oldest, since or now)
    return [
        GaugeMetricFamily("urm_inbox_events", "Accepted events that are not absorbed yet.", value=events),
        GaugeMetricFamily(
            "urm_inbox_lag_seconds", "Age of the oldest of them.", value=max(0.0, (now - oldest).total_seconds())
        ),
    ]
