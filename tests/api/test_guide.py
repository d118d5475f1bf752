"""What docs/developers.md shows can be done as it stands there."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from tests.rest.client import ApiClient
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

GUIDE = (Path(settings.BASE_DIR) / "docs/developers.md").read_text(encoding="utf-8")


@pytest.mark.django_db
def test_first_call_of_the_guide_works(api: ApiClient, acme: Tenant) -> None:
    body, *_others = re.findall(r"-d '(\{.*?\})'", GUIDE, re.DOTALL)
    [status, answer] = re.findall(r"^    (\d{3}) (\{.*\})$", GUIDE, re.MULTILINE)[0]
    response = api.post("/api/v1/events", body.encode())
    assert (str(response.status_code), response.content.decode()) == (
        status,
        answer.replace(": ", ":").replace(", ", ","),
    )
    drain(acme.pk, names=["stream"])
    names = [row["name"] for row in api.get("/api/v1/members/c-1024/timeline").json()["data"]]
    assert "purchase" in names


@pytest.mark.django_db
def test_error_of_the_guide_is_the_one_that_is_answered(api: ApiClient) -> None:
    [shown] = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    response = api.put("/api/v1/members/c-1", {"email": "ada"})
    assert re.sub(r"\s+", "", response.content.decode()) == re.sub(r"\s+", "", shown)
