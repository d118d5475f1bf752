"""Roll-ups; see urm.tenancy.work for how they are started. The sweep looks in each minute."""

from analytics.consumers import keep_rollups
from urm.tenancy.work import register_work


@register_work("rollups", queue="slow")
def rollups() -> bool:
    return keep_rollups()
