"""`/livez`: the process runs. `/readyz`: it can do its work; what is only degraded is said and does not fail."""

from collections.abc import Callable
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from urm.rest.throttling import TIMEOUT

Check = Callable[[], str | None]


@dataclass(frozen=True)
class _Registered:
    name: str
    required: bool
    problem: Check


_checks: list[_Registered] = []


def readiness_check(name: str, *, required: bool) -> Callable[[Check], Check]:
    """Register a check: it gives back what is wrong, or None. One that is not required only degrades."""

    def decorate(problem: Check) -> Check:
        _checks.append(_Registered(name, required, problem))
        return problem

    return decorate


def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 `ok` or `degraded`, 503 `failing`; under `checks` each check's problem or null."""
    problems: dict[str, str | None] = {}
    status = "ok"
    for check in _checks:
        try:
            problem = check.problem()
        except (DatabaseError, redis.RedisError, OSError) as error:
            problem = type(error).__name__
        problems[check.name] = problem
        if problem is not None and status != "failing":
            status = "failing" if check.required else "degraded"
    return JsonResponse({"status": status, "checks": problems}, status=503 if status == "failing" else 200)


@readiness_check("database", required=True)
def _database() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return None


_migrated = False


@readiness_check("migrations", required=True)
def _migrations() -> str | None:
    """Once this process's migrations are applied they stay applied: asked until then only."""
    global _migrated  # noqa: PLW0603
    if not _migrated:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        missing = [migration.name for migration, _ in plan if migration.app_label != "admin"]
        if missing:
            return f"{len(missing)} migrations are not applied; run manage.py migrate --database owner."
        _migrated = True
    return None


@readiness_check("redis", required=False)
def _redis() -> str | None:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT * 10, socket_connect_timeout=TIMEOUT * 10, retry=None
    ) as client:
        client.ping()
    return None
