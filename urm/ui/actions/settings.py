from django.db import transaction

from urm.audit.actions import record, snapshot
from urm.tenancy.models import Tenant

_FIELDS = ("name", "language", "currency")


def change_workspace(*, workspace: Tenant, name: str, language: str, currency: str) -> None:
    """Rename a workspace, change the language its new staff see and the currency its amounts are shown in."""
    with transaction.atomic():
        stored = Tenant.objects.select_for_update().get(pk=workspace.pk)
        before = snapshot(stored, *_FIELDS)
        workspace.name, workspace.language, workspace.currency = name, language, currency
        workspace.save(update_fields=_FIELDS)
        after = snapshot(workspace, *_FIELDS)
        if after != before:
            record(verb="workspace.update", target=workspace, before=before, after=after)
