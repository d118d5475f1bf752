"""“Needs attention” on the home page: apps register what may need a hand, each entry says how much and where."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

from urm.ui.pages import staff_may


@dataclass(frozen=True)
class Concern:
    """`count` of something that needs a hand; `url` leads to it."""

    text: str | Promise
    count: int
    url: str


Look = Callable[[Any], Concern | None]

_looks: list[tuple[str, Look]] = []


def concern(capability: str) -> Callable[[Look], Look]:
    """Register a cheap look that gives a Concern, or None when all is well."""

    def decorate(look: Look) -> Look:
        _looks.append((capability, look))
        return look

    return decorate


def concerns(request: Any) -> list[Concern]:
    found = (look(request) for capability, look in _looks if staff_may(request, capability))
    return [one for one in found if one]
