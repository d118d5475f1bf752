"""Points and redemptions over REST."""

from typing import Any

import pytest

from loyalty.actions import adjust_points, create_reward, create_tier, save_programme
from loyalty.models import Reward
from members.actions import upsert_member
from tests.rest.client import ApiClient
from tests.rest.conftest import api, outsider
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

__all__ = ["api", "outsider"]


@pytest.fixture
def mug(acme: Tenant) -> Reward:
    """Ada of acme has 100 points; the mug costs 30."""
    with tenant_context(acme.pk):
        save_programme(name="Club")
        create_tier(name="Member", threshold=0)
        create_tier(name="Silver", threshold=1000)
        ada = upsert_member(external_id="ada", traits={})[0]
        adjust_points(member=ada, points=100, reason="welcome", idempotency_key="a")
        return create_reward(name="Mug", cost=30)


def points(client: ApiClient) -> int:
    return int(client.get("/api/v1/loyalty/ada").json()["points"])


def test_points_and_tier_are_read(api: ApiClient, mug: Reward) -> None:
    answer = api.get("/api/v1/loyalty/ada").json()
    assert (answer["points"], answer["tier"]["name"], answer["next_tier"]["name"]) == (100, "Member", "Silver")
    assert answer["points_to_next_tier"] == 1000
    [transfer] = api.get("/api/v1/loyalty/ada/transfers").json()["data"]
    assert (transfer["kind"], transfer["points"], transfer["reason"]) == ("adjust", 100, "welcome")


def test_redemption_repeated_by_its_key_happens_once(api: ApiClient, mug: Reward) -> None:
    address, body = "/api/v1/loyalty/ada/redemptions", {"reward_id": mug.pk}
    answers = [api.post(address, body, idempotency_key="k1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert api.post(address, {"reward_id": mug.pk + 1}, idempotency_key="k1").status_code == 422
    assert points(api) == 70


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cost": 101}, "insufficient_points"),
        ({"stock": 0}, "out_of_stock"),
        ({"active": False}, "reward_unavailable"),
    ],
)
def test_redemption_refused_by_the_present_state(
    api: ApiClient, acme: Tenant, mug: Reward, change: dict[str, Any], code: str
) -> None:
    with tenant_context(acme.pk):
        Reward.objects.update(**change)
    answer = api.post("/api/v1/loyalty/ada/redemptions", {"reward_id": mug.pk})
    assert (answer.status_code, answer.json()["error"]["code"], points(api)) == (409, code, 100)


def test_another_workspace_can_neither_see_nor_spend(api: ApiClient, outsider: ApiClient, mug: Reward) -> None:
    assert outsider.get("/api/v1/loyalty/ada").content == outsider.get("/api/v1/loyalty/nobody").content
    assert outsider.get("/api/v1/rewards").json()["data"] == []
    outsider.put("/api/v1/members/ada", {})
    theirs = outsider.post("/api/v1/loyalty/ada/redemptions", {"reward_id": mug.pk})
    none = outsider.post("/api/v1/loyalty/ada/redemptions", {"reward_id": 987_654})
    assert (theirs.status_code, theirs.content, points(api)) == (400, none.content, 100)
