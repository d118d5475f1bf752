from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from tests.conftest import PASSWORD
from tests.showcase import build_showcase
from urm.tenancy.models import Tenant

Workspaces = tuple[Tenant, Tenant]


@pytest.fixture(scope="module")
def built_showcase(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Workspaces]:
    """Built once for all tests of a module, in a transaction around their own; every test of the module sees it."""
    around = transaction.atomic()
    with django_db_blocker.unblock():
        around.__enter__()
        built = build_showcase()
    yield built
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def showcase(built_showcase: Workspaces, db: None) -> Workspaces:
    for tenant in built_showcase:
        tenant.refresh_from_db()
    return built_showcase


def sign_in(client: Client, email: str) -> None:
    answer = client.post("/login/", {"username": email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()
