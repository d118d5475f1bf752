"""Rate limits: exact under concurrency, the same without Redis, and quick when Redis hangs."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.test import override_settings

from tests.rest.client import ApiClient, make_key
from urm.rest import throttling
from urm.rest.throttling import Bucket, Limiter
from urm.tenancy.models import Tenant

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def hanging() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def slow(name: str) -> list[Bucket]:
    """Fifty at once, then next to nothing; a name of its own for each run."""
    return [Bucket(f"{name} {time.time_ns()}", rate=0.001, burst=50)]


@pytest.mark.parametrize("url", [settings.REDIS_URL, NOWHERE], ids=["valkey", "no valkey"])
def test_limit_is_exact_under_concurrency(url: str) -> None:
    limiter, buckets = Limiter(url), slow("exact")
    with ThreadPoolExecutor(16) as threads:
        granted = sum(verdict.granted for verdict in threads.map(lambda _n: limiter.take(buckets), range(400)))
    assert granted == 50


@pytest.mark.parametrize("url", [settings.REDIS_URL, NOWHERE], ids=["valkey", "no valkey"])
def test_refusal_takes_nothing_and_says_how_long_to_wait(url: str) -> None:
    limiter = Limiter(url)
    narrow, wide = Bucket(f"n {time.time_ns()}", 10, 1), Bucket(f"w {time.time_ns()}", 10, 5)
    assert limiter.take([narrow, wide]).granted is True
    for _ in range(3):
        verdict = limiter.take([narrow, wide])
        assert (verdict.granted, verdict.remaining, 0 < verdict.wait <= 0.1) == (False, 0, True)
    assert [limiter.take([wide]).granted for _ in range(5)] == [True] * 4 + [False]
    time.sleep(0.15)
    assert limiter.take([narrow]).granted is True


def test_hanging_redis_costs_one_timeout_then_nothing(hanging: str) -> None:
    limiter, buckets = Limiter(hanging), slow("hanging")
    started = time.monotonic()
    assert [limiter.take(buckets).granted for _ in range(60)] == [True] * 50 + [False] * 10
    assert time.monotonic() - started < 4 * throttling.TIMEOUT


def test_redis_is_asked_again_after_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "REST", 0.05)
    limiter, buckets = Limiter(NOWHERE), slow("again")
    limiter.take(buckets)
    limiter._redis = throttling._RedisBuckets(settings.REDIS_URL)
    time.sleep(0.06)
    assert limiter.take(buckets).remaining == 49


@pytest.mark.django_db
@pytest.mark.urls("tests.rest.routes")
def test_too_many_requests_are_answered_429(acme: Tenant, globex: Tenant) -> None:
    with override_settings(API_RATE_PER_KEY=1, API_RATE_PER_WORKSPACE=2):
        api, colleague, outsider = (
            ApiClient(make_key(tenant, scopes=["members.view"])) for tenant in (acme, acme, globex)
        )
        granted = [api.get("/api/v1/tags") for _ in range(2)]
        assert [response.headers["RateLimit-Remaining"] for response in granted] == ["1", "0"]
        refused = api.get("/api/v1/tags")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 2
        assert refused.headers["RateLimit-Limit"] == "2"
        # The workspace's own bucket holds four: two are left for a colleague's key, and another workspace has its own.
        assert [colleague.get("/api/v1/tags").status_code for _ in range(3)] == [200, 200, 429]
        assert outsider.get("/api/v1/tags").status_code == 200


@pytest.mark.django_db
@pytest.mark.urls("tests.rest.routes")
def test_api_answers_while_redis_is_away(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "_limiter", Limiter(NOWHERE))
    api = ApiClient(make_key(acme, scopes=["members.view"]))
    assert [api.get("/api/v1/tags").status_code for _ in range(3)] == [200, 200, 200]


def test_limiter_is_made_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "_limiter", None)
    found: list[Limiter] = []
    threads = [threading.Thread(target=lambda: found.append(throttling.limiter())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(limiter) for limiter in found}) == 1
