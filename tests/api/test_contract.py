"""Whatever anybody sends, the answer is one that the OpenAPI document announces, and never a 5xx."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import override_settings
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks as openapi_checks

from tests.api.cast import Cast, make_cast
from tests.rest.client import make_key
from urm.rest.openapi import document
from urm.tenancy.models import Tenant
from urm.tenancy.roles import SCOPES
from urm.wsgi import application

schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", application)

schemathesis.serializer.alias("application/x-ndjson", "text/plain")

CHECKED = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.unsupported_method,
    openapi_checks.ignored_auth,
]


@pytest.fixture
def caller(acme: Tenant) -> Iterator[tuple[str, Cast]]:
    """Between requests Django would close the connection, and with it the test's transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield make_key(acme, scopes=list(SCOPES)), make_cast(acme)
    for signal in signals:
        signal.connect(close_old_connections)


@schema.parametrize()
@settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@override_settings(API_RATE_PER_KEY=10**6, API_RATE_PER_WORKSPACE=10**6)
@pytest.mark.django_db
def test_answer_is_documented(case: Any, caller: tuple[str, Cast]) -> None:
    token, cast = caller
    for name, value in (case.path_parameters or {}).items():
        if len(str(value)) % 2:  # every other time somebody who is there
            case.path_parameters[name] = cast.get(name, value)
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKED)


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = orjson.loads(document())["paths"]
    return [(path, method, about) for path, methods in paths.items() for method, about in methods.items()]


@pytest.mark.parametrize(
    ("path", "method", "about"), operations(), ids=lambda part: part if isinstance(part, str) else ""
)
def test_operation_is_described_with_examples_and_refusals(path: str, method: str, about: dict[str, Any]) -> None:
    assert about["summary"]
    for code, response in about["responses"].items():
        assert response["description"]
        for content in response.get("content", {}).values():
            has_example = bool(content.get("examples")) or code not in {"200", "201", "202"}
            assert has_example or len([one for one in about["responses"] if one < "300"]) > 1
    for content in about.get("requestBody", {}).get("content", {}).values():
        assert content["examples"]
    if path.startswith("/api/v1/") and about.get("security") != [{}]:
        expected = {"401", "403", "406", "429", "500", "503"}
        expected |= {"404"} if "{" in path else set()
        expected |= {"400", "413", "415"} if "requestBody" in about else set()
        expected |= {"422"} if method == "post" else set()
        assert expected <= set(about["responses"])
        assert "Needs the scope" in about["description"] or "Any secret key" in about["description"]
