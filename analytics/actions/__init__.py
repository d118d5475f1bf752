from analytics.actions.rollups import claim_cursor, rebuild_rollups, request_rebuild, roll_up
from analytics.actions.settings import change_kpi_settings
from analytics.actions.sizes import record_sizes

__all__ = [
    "change_kpi_settings",
    "claim_cursor",
    "rebuild_rollups",
    "record_sizes",
    "request_rebuild",
    "roll_up",
]
