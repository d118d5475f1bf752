"""Making a workspace, with what each app wants a new one to have."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

Setup = Callable[[], None]

_setups: list[Setup] = []


def register_setup(setup: Setup) -> Setup:
    """Have `setup` run once inside every new workspace: default stages, a loyalty programme … Decorates a function."""
    _setups.append(setup)
    return setup


def create_workspace(*, name: str, slug: str, **fields: Any) -> Tenant:
    """A new workspace, furnished by all apps, or none at all. `fields`: time_zone, currency, language.

    Raises ValidationError naming the fields that are wrong.
    """
    with transaction.atomic():
        workspace = Tenant(name=name, slug=slug, **fields)
        workspace.full_clean()
        workspace.save()
        with tenant_context(workspace.pk):
            for setup in _setups:
                setup()
    return workspace
