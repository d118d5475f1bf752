"""Background work on rules; see urm.tenancy.work for how it is started."""

from segments.actions import has_stale_rules, recompute_segments
from urm.tenancy.work import register_work


@register_work("segments", queue="slow")
def compute_stale_rules() -> bool:
    """Compute new and edited rules for all members."""
    if not has_stale_rules():
        return False
    recompute_segments()
    return has_stale_rules()
