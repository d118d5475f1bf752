"""A mail server that counts, and a member who can be written to."""

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from members.actions import upsert_member
from members.models import Member
from tests.channels.smtp_server import Taken, smtp_server
from urm.tenancy.models import Tenant


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[Taken]:
    with smtp_server() as server:
        settings.EMAIL = {**settings.EMAIL, "host": "127.0.0.1", "port": server.port}
        yield server


@pytest.fixture
def ada(in_acme: Tenant) -> Member:
    traits = {"email": "ok.ada@example.com", "phone": "+12025550123", "first_name": "Ada", "language": "en"}
    return upsert_member(external_id="ada", traits=traits)[0]


@pytest.fixture
def visitor() -> Client:
    """A browser without cookies that insists on CSRF."""
    return Client(enforce_csrf_checks=True)
