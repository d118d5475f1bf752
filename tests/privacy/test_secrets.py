"""Secrets that are planted are found nowhere: not in any column of the database, not in what is logged."""

import logging

import pytest

from segments.actions import create_segment
from segments.actions.audiences import create_audience_sync
from tests.privacy.test_erasure import found_in_database
from tests.rest.client import ApiClient
from urm.tenancy.models import ApiKey, Tenant
from urm.ui.actions import create_key


def test_keys_and_credentials_stand_nowhere_in_clear(
    in_acme: Tenant, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    _key, token = create_key(name="shop", kind=ApiKey.Kind.SECRET, scopes=["members.view"])
    guests = create_segment(name="Guests", kind="static")
    _sync, secret = create_audience_sync(
        segment=guests, name="Hook", destination="webhook", url="https://hooks.example.com/urm", fields=["email"]
    )
    assert ApiClient(token).get("/api/v1/members").status_code == 200
    assert ApiClient(f"{token}x").get("/api/v1/members").status_code == 401
    planted = (token[8:], secret.removeprefix("whsec_"))
    assert all(len(one) > 20 for one in planted)
    assert found_in_database(planted) == []
    logged = "\n".join(f"{one.getMessage()} {one.__dict__}" for one in caplog.records) + "".join(capfd.readouterr())
    assert [one for one in planted if one in logged] == []
