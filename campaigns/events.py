"""What this app writes into the log. `campaign` is the campaign's id; texts and addresses stay out."""

from dataclasses import dataclass

from members.events import PlatformEvent


@dataclass(frozen=True, kw_only=True)
class MessageEvent(PlatformEvent):
    campaign: int
    channel: str


@dataclass(frozen=True, kw_only=True)
class MessageSent(MessageEvent):
    name = "urm.message.sent"


@dataclass(frozen=True, kw_only=True)
class MessageFailed(MessageEvent):
    name = "urm.message.failed"

    reason: str


@dataclass(frozen=True, kw_only=True)
class MessageOpened(MessageEvent):
    """The first time the message's picture was fetched; `machine` when evidently no person looked."""

    name = "urm.message.opened"

    machine: bool


@dataclass(frozen=True, kw_only=True)
class MessageClicked(MessageEvent):
    """The first click on each link."""

    name = "urm.message.clicked"

    link: int
    url: str


@dataclass(frozen=True, kw_only=True)
class MessageUnsubscribed(MessageEvent):
    """Consent was withdrawn through this message; `urm.consent.changed` says what holds now."""

    name = "urm.message.unsubscribed"

    purpose: str
