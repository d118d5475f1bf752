"""Embedded PostgreSQL and Valkey for development, tests and the demo. Standard library only.

For each of the two: the URL in the environment, else the server in the wheel (the same for everyone), else the one
installed on the machine. `URM_SERVICES=system` puts the machine's before the wheel's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from deploy.environment import UNFINISHED, ensure_environment
from deploy.paths import locked, say, state_folder
from deploy.services import postgres, valkey
from deploy.services.state import load_state, save_state

URLS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


def given(name: str) -> str | None:
    """The URL that the caller set, unless it is this clone's own, exported by `services env` in the same shell."""
    url = os.environ.get(name)
    state = load_state()
    own = {state.get("postgres", {}).get(role) for role in postgres.ROLES} | {state.get("valkey", {}).get("password")}
    return None if not url or any(secret and f":{secret}@" in url for secret in own) else url


def up(*, keep: bool = True) -> dict[str, str]:
    """Start what is not running and return the URLs. `keep`: until `services down`, whoever else comes and goes."""
    embedded = [not given("DATABASE_URL"), not given("REDIS_URL")]
    lacking = (embedded[0] and not postgres.is_available()) or (embedded[1] and not valkey.is_available())
    if lacking or (any(embedded) and UNFINISHED.exists()):
        ensure_environment("services")
    with locked("services"):
        state = load_state()
        if embedded[0]:
            postgres.up(state)
        if embedded[1]:
            valkey.up(state)
        if keep:
            state["keep"] = True
        save_state(state)
    return urls()


def down() -> None:
    """Stop the embedded servers; their data stay."""
    with locked("services"):
        state = load_state()
        valkey.down(state)
        postgres.down(state)
        state.pop("keep", None)
        save_state(state)


def urls() -> dict[str, str]:
    """What the platform must be told, the environment's own URLs first."""
    state = load_state()
    embedded = postgres.urls(state) | valkey.urls(state)
    if given("DATABASE_URL"):
        embedded.pop("DATABASE_URL", None)
        embedded.pop("DATABASE_OWNER_URL", None)
    return embedded | {name: url for name in URLS if (url := given(name))}


def status() -> dict[str, str]:
    """Each service with where it is and whether it answers."""
    state = load_state()
    return {
        "PostgreSQL": "DATABASE_URL of the environment" if given("DATABASE_URL") else postgres.status(state),
        "Valkey": "REDIS_URL of the environment" if given("REDIS_URL") else valkey.status(state),
    }


@contextlib.contextmanager
def running() -> Iterator[dict[str, str]]:
    """The services for as long as the block lasts; the last one out stops them, unless they were to be kept.

    Every user holds a shared lock; whoever leaves and can get it for itself alone was the last, and the kernel lets
    go for one who was killed.
    """
    with (state_folder() / "users.lock").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield_urls = up(keep=False)
        try:
            yield yield_urls
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not load_state().get("keep"):
                    down()
                    say("services stopped")
