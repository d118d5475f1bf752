import pytest
from django.test import Client

from tests.conftest import PASSWORD
from tests.showcase import build_showcase
from urm.tenancy.models import Tenant


@pytest.fixture
def showcase(db: None) -> tuple[Tenant, Tenant]:
    return build_showcase()


def sign_in(client: Client, email: str) -> None:
    answer = client.post("/login/", {"username": email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()
