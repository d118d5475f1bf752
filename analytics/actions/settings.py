"""What the workspace counts as what."""

from typing import Any

from django.db import transaction

from analytics.actions.rollups import request_rebuild
from analytics.models import KpiSettings
from urm.audit.actions import record, snapshot

_FIELDS = ("purchase_event", "churn_window_days")


def change_kpi_settings(**values: Any) -> KpiSettings:
    """Change what counts; every figure is then rolled up anew. Raises ValidationError by field."""
    with transaction.atomic():
        settings = KpiSettings.objects.select_for_update().first() or KpiSettings.current()
        before = snapshot(settings, *_FIELDS)
        for name, value in values.items():
            setattr(settings, name, value)
        settings.full_clean(exclude=["tenant"])
        settings.save()
        after = snapshot(settings, *_FIELDS)
        if after != before:
            record(verb="kpi_settings.update", target=settings, before=before, after=after)
            request_rebuild()
    return settings
