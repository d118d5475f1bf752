"""What this app writes into the log. `cause` is the id of the event that led to it, None when time did."""

from dataclasses import dataclass

from members.events import PlatformEvent


@dataclass(frozen=True, kw_only=True)
class SegmentEntered(PlatformEvent):
    name = "urm.segment.entered"

    segment: int
    title: str
    cause: int | None


@dataclass(frozen=True, kw_only=True)
class SegmentLeft(PlatformEvent):
    name = "urm.segment.left"

    segment: int
    title: str
    cause: int | None


@dataclass(frozen=True, kw_only=True)
class StageChanged(PlatformEvent):
    """`stage` and `previous` are stage keys; None for no stage."""

    name = "urm.stage.changed"

    stage: str | None
    previous: str | None
    cause: int | None
