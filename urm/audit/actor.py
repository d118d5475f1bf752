"""Who is acting: set by middleware and API authentication, read by `record()`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """`kind` is a value of AuditEntry.ActorKind; `id` the user's, key's or member's."""

    kind: str
    id: int | None
    label: str


SYSTEM = Actor("system", None, "system")

_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def current_actor() -> Actor:
    return _actor.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
