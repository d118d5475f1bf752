"""Servers' databases for each process of a parallel run; read before Django's settings are (`-p`, pyproject.toml)."""

import os
from urllib.parse import urlsplit

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def _apart(number: int) -> None:
    redis = urlsplit(os.environ["REDIS_URL"])
    os.environ["REDIS_URL"] = redis._replace(path=f"/{int(redis.path[1:] or 0) + number}").geturl()
    os.environ["TEST_DATABASE"] = f"{os.environ.get('TEST_DATABASE', 'test_urm')}_{WORKER}"


if WORKER:
    _apart(int(WORKER.removeprefix("gw")))
