"""The one door in: everything that happens becomes items of an inbox row; the absorber does the rest."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from members.actions.identities import ANONYMOUS, clean_identity, known_first
from members.events import PlatformEvent
from members.models import DirtyMember, Identity, InboxEntry
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ .:-]{0,63}")
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LEAD = timedelta(minutes=5)  # how far a client's clock may be ahead
MAX_AMOUNT = Decimal(10) ** 14
MAX_ITEMS = 1000

_OTHER_IDS = frozenset(Identity.Kind.values) - {"external_id", "anonymous_id"}
_KNOWN = _OTHER_IDS | {"event_id", "external_id", "anonymous_id", "name", "occurred_at", "amount", "properties"}

# An item of an inbox row. Keys are single letters because every event is written and read once in this form:
# k = de-duplication key, m = member id, i = kind of identity, v = its value, n = name, t = occurred at (ISO, UTC),
# a = amount, p = properties, s = sure (trusted); identify only: x = an anonymous id to link, o = more ids to link, as
# [kind, value].
Item = dict[str, Any]

_NEEDS_SECRET = gettext_lazy("Only a secret key may name a member so. Use external_id or anonymous_id.")

_ACCEPT = "INSERT INTO members_inboxentry (tenant_id, received_at, items, body) VALUES (%s, %s, %s, %s) RETURNING id"


class EventError(ValueError):
    """An event that cannot be taken; `field` names what is wrong with it."""

    def __init__(self, field: str, message: str | Promise) -> None:
        super().__init__(str(message))
        self.field = field
        self.message = str(message)


def canonical_event(raw: Mapping[str, Any], *, trusted: bool, now: datetime) -> Item:
    """Check one event as clients send it. `now` is aware; a missing `occurred_at` means now.

    Only trusted senders mint amounts: an untrusted `amount` is kept among the properties, where nothing counts it.
    """
    if unknown := raw.keys() - _KNOWN:
        field = min(unknown)
        raise EventError(field, _("Unknown field. Put data of your own into properties."))
    name = raw.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise EventError("name", _("Must begin with a letter; letters, digits, blanks and _ . : - only; at most 64."))
    if name.startswith("urm."):
        raise EventError("name", _("Names beginning with urm. are the platform's own."))
    properties = raw.get("properties")
    if properties is None:
        properties = {}
    elif not isinstance(properties, dict):
        raise EventError("properties", _("Must be an object."))
    amount = _amount(raw.get("amount"))
    if amount is not None and not trusted:
        properties = {"amount": amount, **properties}
        amount = None
    kind, value = _identity(raw, trusted=trusted)
    return {
        "k": _key(raw.get("event_id")),
        "i": kind,
        "v": value,
        "n": name,
        "t": _moment(raw.get("occurred_at"), now),
        "a": amount,
        "p": properties,
        "s": trusted,
    }


def canonical_identify(raw: Mapping[str, Any], *, trusted: bool, now: datetime) -> Item:
    """Check a request that tells which ids are one person's: `external_id`, optional `anonymous_id` and `traits`; from
    trusted senders any kinds of identity, the external id being optional.

    With an `event_id` it is taken once, as an event is.
    """
    kinds = set(Identity.Kind.values) if trusted else {"external_id", "anonymous_id"}
    if unknown := raw.keys() - kinds - {"event_id", "traits"}:
        field = min(unknown)
        raise EventError(
            field,
            _NEEDS_SECRET if field in _OTHER_IDS else _("Unknown field. Use external_id, anonymous_id and traits."),
        )
    traits = raw.get("traits")
    if traits is not None and not isinstance(traits, dict):
        raise EventError("traits", _("Must be an object."))
    ids = [(kind, _id_of_kind(kind, raw[kind])) for kind in Identity.Kind.values if raw.get(kind) is not None]
    (kind, value), *others = known_first(ids) or [("", "")]
    if not kind or kind in ANONYMOUS or (not trusted and kind != "external_id"):
        _id("external_id", None)  # says what is missing
    return {
        "k": _key(raw.get("event_id")),
        "i": kind,
        "v": value,
        "o": others,
        "n": "urm.identify",
        "t": now.isoformat(),
        "p": traits or {},
        "s": trusted,
    }


def accept_events(items: Sequence[Item]) -> int:
    """Write canonical items as one inbox row; returns its id. The wake-up comes after the commit."""
    row: list[int | str | datetime] = [require_tenant(), timezone.now(), len(items), orjson.dumps(items).decode()]
    with connection.cursor() as cursor:  # the model would cost as much again as the row
        cursor.execute(_ACCEPT, row)
        (pk,) = cursor.fetchone()
    transaction.on_commit(_wake_stream)
    return int(pk)


def emit(events: Iterable[PlatformEvent], *, at: datetime | None = None) -> None:
    """Append platform events to the inbox in the caller's transaction: they exist if and only if their cause does."""
    moment = (at or datetime.now(UTC)).isoformat()
    items = (
        {"m": event.member_id, "n": event.name, "t": moment, "p": event.properties(), "s": True} for event in events
    )
    rows = [InboxEntry(items=len(chunk), body=orjson.dumps(chunk).decode()) for chunk in _batched(items, MAX_ITEMS)]
    if rows:
        InboxEntry.objects.bulk_create(rows)
        transaction.on_commit(_wake_stream)


def mark_dirty(member_ids: Iterable[int]) -> None:
    """Have segments, tags and stage of these members looked at again, after this transaction is through.

    A mark that is there already is touched, and so locked: a refresh running meanwhile leaves it for the next turn.
    """
    rows = [DirtyMember(member_id=member_id) for member_id in sorted(set(member_ids))]
    if rows:
        DirtyMember.objects.bulk_create(
            rows, update_conflicts=True, update_fields=["marked_at"], unique_fields=["tenant", "member_id"]
        )
        transaction.on_commit(_wake_stream)


def _wake_stream() -> None:
    wake("stream")


def _identity(raw: Mapping[str, Any], *, trusted: bool) -> tuple[str, str]:
    for kind in ("external_id", "anonymous_id"):
        if (value := raw.get(kind)) is not None:
            return kind, _id(kind, value)
    for kind in Identity.Kind.values:
        if (value := raw.get(kind)) is not None:
            if not trusted:
                raise EventError(kind, _NEEDS_SECRET)
            return kind, _id_of_kind(kind, value)
    raise EventError("external_id", _("Say who: give external_id or anonymous_id."))


def _id(field: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 200 or value != value.strip():
        raise EventError(field, _("Must be a text of 1 to 200 characters without blanks at its ends."))
    return value


def _id_of_kind(kind: str, value: Any) -> str:
    if kind in {"external_id", "anonymous_id"}:
        return _id(kind, value)
    try:
        return clean_identity(kind, value)
    except ValueError as error:
        raise EventError(kind, str(error)) from error


def event_key(event_id: str) -> str:
    """What is kept of a sender's id of an event; PostgreSQL reads it as a UUID."""
    return hashlib.sha256(event_id.encode()).hexdigest()[:32]


def _key(event_id: Any) -> str | None:
    return None if event_id is None else event_key(_id("event_id", event_id))


def _amount(value: Any) -> str | None:
    if value is None:
        return None
    try:
        amount = Decimal(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise EventError("amount", _("Must be a number, such as 12.90."))
    exponent = amount.normalize().as_tuple().exponent
    if abs(amount) >= MAX_AMOUNT or (isinstance(exponent, int) and exponent < -4):
        raise EventError("amount", _("Must have at most 14 digits before and 4 after the point."))
    return str(amount)


def _moment(value: Any, now: datetime) -> str:
    if value is None:
        return now.isoformat()
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise EventError(
            "occurred_at", _("Must be an ISO 8601 date and time, such as 2026-03-01T09:30:00Z.")
        ) from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if moment > now + LEAD:
        raise EventError("occurred_at", _("Lies more than 5 minutes in the future. Check the sender's clock."))
    if moment < EARLIEST:
        raise EventError("occurred_at", _("Lies before 1970."))
    return moment.astimezone(UTC).isoformat()  # PostgreSQL takes fewer offsets than Python


def _batched(items: Iterable[Item], size: int) -> Iterable[list[Item]]:
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
