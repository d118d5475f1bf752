"""Roll-ups and the scores of buyers: what the background would have done by night."""

from analytics.actions import compute_rfm
from urm.tenancy.models import Tenant


def build(tenant: Tenant) -> None:
    compute_rfm()
