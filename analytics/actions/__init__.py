from analytics.actions.rollups import claim_cursor, rebuild_rollups, refresh_statistics, request_rebuild, roll_up
from analytics.actions.settings import change_kpi_settings
from analytics.actions.sizes import record_sizes

__all__ = [
    "change_kpi_settings",
    "claim_cursor",
    "rebuild_rollups",
    "record_sizes",
    "refresh_statistics",
    "request_rebuild",
    "roll_up",
]
