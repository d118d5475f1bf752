import pytest

from tests.rules import world
from urm.rules import Names
from urm.rules.workspace import current_names
from urm.tenancy.models import Tenant


@pytest.fixture
def workspace(in_acme: Tenant) -> Tenant:
    """Acme with a few events, tags and attributes of every type (see world.py)."""
    world.declare_names()
    return in_acme


@pytest.fixture
def names(workspace: Tenant) -> Names:
    return current_names()
