from analytics.actions.rfm import compute_rfm, make_rfm_segment, request_rfm, rfm_is_due
from analytics.actions.rollups import claim_cursor, rebuild_rollups, refresh_statistics, request_rebuild, roll_up
from analytics.actions.settings import change_kpi_settings
from analytics.actions.sizes import record_sizes

__all__ = [
    "change_kpi_settings",
    "claim_cursor",
    "compute_rfm",
    "make_rfm_segment",
    "rebuild_rollups",
    "record_sizes",
    "refresh_statistics",
    "request_rebuild",
    "request_rfm",
    "rfm_is_due",
    "roll_up",
]
