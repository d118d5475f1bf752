"""What became of a message that was to be handed over."""

from dataclasses import dataclass
from enum import Enum


class Result(Enum):
    SENT = "sent"  # the next station took responsibility
    REFUSED = "refused"  # for good: trying again would end the same
    DEFERRED = "deferred"  # refused for now: try again later, but not for ever
    UNTRIED = "untried"  # not handed over: no connection, or no time
    UNKNOWN = "unknown"  # handed over, but the answer was lost: it may or may not arrive


@dataclass(frozen=True, slots=True)
class Outcome:
    """`detail` is the transport's own words, without the recipient's address.

    `address_refused`: REFUSED because the address itself does not exist, so that no message will ever reach it.
    """

    result: Result
    detail: str = ""
    address_refused: bool = False
