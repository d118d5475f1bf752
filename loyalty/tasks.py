"""Expiry, tiers after an edit, and the nightly reconciliation; see urm.tenancy.work for how it is started."""

from loyalty.actions import expire_points, reconcile, refresh_tiers
from loyalty.queries import next_expiry, next_reconciliation
from urm.tenancy.work import register_work, wake


@register_work("loyalty.expire", queue="slow")
def expire() -> bool:
    if expire_points():
        return True
    moment = next_expiry()
    if moment is not None:
        wake("loyalty.expire", moment)
    return False


@register_work("loyalty.tiers", queue="slow")
def tiers() -> bool:
    """All accounts, in batches. A second run finds nothing to move."""
    last: int | None = 0
    while last is not None:
        last = refresh_tiers(after=last)
    return False


@register_work("loyalty.reconcile", queue="slow")
def reconcile_nightly() -> bool:
    due, moment = next_reconciliation()
    if due:
        reconcile()
    wake("loyalty.reconcile", moment)
    return False
