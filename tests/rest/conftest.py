"""Keys of both workspaces, and a client that carries one."""

import pytest

from tests.rest.client import ApiClient, make_key
from urm.tenancy.models import Tenant
from urm.tenancy.roles import SCOPES


@pytest.fixture
def api(acme: Tenant) -> ApiClient:
    """Acme's client with every scope."""
    return ApiClient(make_key(acme, scopes=list(SCOPES)))


@pytest.fixture
def outsider(globex: Tenant) -> ApiClient:
    """Globex's client with every scope."""
    return ApiClient(make_key(globex, scopes=list(SCOPES)))


@pytest.fixture
def publishable(acme: Tenant) -> ApiClient:
    return ApiClient(make_key(acme, kind="pk", allowed_origins=["https://shop.example.com"]))
