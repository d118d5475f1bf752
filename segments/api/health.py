"""What `/metrics` says about the rules."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from segments.queries.checks import newest_check
from urm.rest.metrics import register_gauges
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant


@register_gauges
def drift() -> Iterable[Metric]:
    looked_at = drifted = 0
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        with tenant_context(tenant_id):
            check = newest_check()
        if check is not None:
            looked_at, drifted = looked_at + check.looked_at, drifted + check.drifted
    return [
        GaugeMetricFamily(
            "urm_segments_checked_members", "Members that the newest nightly self-checks compared.", value=looked_at
        ),
        GaugeMetricFamily(
            "urm_segments_drifted_members",
            "Of them, those whose stored segments, tags or stage differed from a full computation; must be 0.",
            value=drifted,
        ),
    ]
