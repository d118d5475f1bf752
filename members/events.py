"""What this app writes into the log, and the base of every platform event."""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class PlatformEvent:
    """Something the platform did to a member. Subclasses set `name`, beginning with `urm.`; fields are its payload."""

    name: ClassVar[str]

    member_id: int

    def properties(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "member_id"}


@dataclass(frozen=True, kw_only=True)
class MemberCreated(PlatformEvent):
    name = "urm.member.created"

    source: str | None


@dataclass(frozen=True, kw_only=True)
class MemberUpdated(PlatformEvent):
    """`fields` are names only: values of personal data stay out of the log."""

    name = "urm.member.updated"

    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TagAdded(PlatformEvent):
    name = "urm.tag.added"

    tag: str
    by: str


@dataclass(frozen=True, kw_only=True)
class TagRemoved(PlatformEvent):
    name = "urm.tag.removed"

    tag: str
    by: str


@dataclass(frozen=True, kw_only=True)
class ConsentChanged(PlatformEvent):
    name = "urm.consent.changed"

    channel: str
    purpose: str
    granted: bool
    source: str


@dataclass(frozen=True, kw_only=True)
class MemberAcquired(PlatformEvent):
    """Found out where a member came from: the code of the source, medium and campaign as the link said them."""

    name = "urm.member.acquired"

    source: str
    medium: str
    campaign: str


@dataclass(frozen=True, kw_only=True)
class MemberMerged(PlatformEvent):
    """`other` (a member's number) became an alias of the member; `reason` is one of MemberMerge.Reason."""

    name = "urm.member.merged"

    other: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class MemberUnmerged(PlatformEvent):
    name = "urm.member.unmerged"

    other: int


@dataclass(frozen=True, kw_only=True)
class EventRetracted(PlatformEvent):
    """A row of the log was deleted; `corrected` when another one takes its place."""

    name = "urm.event.retracted"

    event: int
    event_name: str
    occurred_at: str
    corrected: bool
