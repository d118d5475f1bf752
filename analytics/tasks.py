"""Roll-ups; see urm.tenancy.work for how they are started. The sweep looks in each minute."""

from analytics.actions import compute_rfm, rfm_is_due
from analytics.consumers import keep_rollups
from urm.tenancy.work import register_work


@register_work("rollups", queue="slow")
def rollups() -> bool:
    return keep_rollups()


@register_work("rfm", queue="slow")
def rfm() -> bool:
    """Each night, and when asked for: score the buyers."""
    if rfm_is_due():
        compute_rfm()
    return False
