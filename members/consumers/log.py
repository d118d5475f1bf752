"""Cursors over the log."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

import orjson
import structlog
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from members.models import Cursor, EventName, Member, ParkedEvent
from members.queries.merging import any_merged
from urm.tenancy.context import require_tenant

log = structlog.get_logger()

Position = tuple[datetime, int]  # (received_at, id) of a row of the log
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
ABSORBER = "absorb"  # its cursor is the log's high-water mark


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """A row of the log. `occurred_at` and `received_at` are aware UTC; `amount` only on trusted events; `member_id` is
    whose event it is by now, when the member that it was written for has been merged."""

    id: int
    received_at: datetime
    member_id: int
    name: str
    occurred_at: datetime
    amount: Decimal | None
    properties: dict[str, Any]
    trusted: bool


class Reaction(Protocol):
    """Something that is given its turn after every absorbed batch; says whether it did anything."""

    name: str

    def run(self) -> bool: ...


_reactions: list[Reaction] = []


def reactions() -> list[Reaction]:
    return list(_reactions)


def register_consumer(reaction: Reaction) -> None:
    if reaction.name in {known.name for known in _reactions}:
        raise ValueError(f"A consumer named {reaction.name} is registered already.")
    _reactions.append(reaction)


class Consumer(ABC):
    """A transactional reader of the log.

    `names`: the event names it wants; None for all. `consume` gets them in order, inside the transaction that moves
    the cursor. It must be set-based, and never do slow I/O. When it raises, the batch is retried in halves until the
    one poisoned event is found and parked with its reason.
    """

    name: str
    names: frozenset[str] | None = None
    batch_size = 5000

    @abstractmethod
    def consume(self, events: Sequence[LoggedEvent]) -> None: ...

    def run(self) -> bool:
        """Consume one batch for the current tenant; False when there was nothing, or another worker is at it."""
        with transaction.atomic():
            cursor = Cursor.objects.select_for_update(skip_locked=True).filter(consumer=self.name).first()
            if cursor is None:
                self._start_at_end()
                return False
            events, position = self._read(cursor)
            if position == (cursor.received_at, cursor.event_id):
                return False
            self._consume_or_park(events)
            cursor.received_at, cursor.event_id = position
            cursor.save(update_fields=["received_at", "event_id"])
        return True

    def _consume_or_park(self, events: Sequence[LoggedEvent]) -> None:
        if not events:
            return
        try:
            with transaction.atomic():
                self.consume(events)
        except OperationalError:
            raise  # the database is away or a lock was lost: the whole batch is tried again later
        except Exception as error:
            if len(events) > 1:
                middle = len(events) // 2
                self._consume_or_park(events[:middle])
                self._consume_or_park(events[middle:])
                return
            [event] = events
            log.exception("consumer.parked", consumer=self.name, event_id=event.id)
            ParkedEvent.objects.create(
                consumer=self.name,
                member_id=event.member_id,
                received_at=event.received_at,
                event_id=event.id,
                body={"name": event.name},
                reason=f"{type(error).__name__}: {error}"[:2000],
            )

    def _start_at_end(self) -> None:
        """A consumer that is new to a tenant starts at the end of the log; `replay` takes it back."""
        mark = Cursor.objects.filter(consumer=ABSORBER).first()
        Cursor.objects.bulk_create(
            [
                Cursor(
                    consumer=self.name,
                    received_at=mark.received_at if mark else BEGINNING,
                    event_id=mark.event_id if mark else 0,
                )
            ],
            ignore_conflicts=True,  # it was there, locked by another worker
        )

    def _read(self, cursor: Cursor) -> tuple[list[LoggedEvent], tuple[datetime, int]]:
        """The next events and the position after them. What lies beyond the absorber's mark is not looked at."""
        mark = Cursor.objects.filter(consumer=ABSORBER).first()
        start = (cursor.received_at, cursor.event_id)
        if mark is None or (mark.received_at, mark.event_id) <= start:
            return [], start
        names = dict(EventName.objects.values_list("id", "name"))
        wanted = [pk for pk, name in names.items() if self.names is None or name in self.names]
        end = (mark.received_at, mark.event_id)
        if not wanted:
            return [], end
        with connection.cursor() as db:
            db.execute(
                "SELECT id, received_at, member_id, name_id, occurred_at, amount, properties::text, trusted "
                "FROM members_event WHERE tenant_id = %s AND received_at >= %s AND received_at <= %s "
                "AND (received_at, id) > (%s, %s) AND (received_at, id) <= (%s, %s) AND name_id = ANY (%s) "
                "ORDER BY received_at, id LIMIT %s",
                [require_tenant(), start[0], end[0], *start, *end, wanted, self.batch_size],
            )
            events = [
                LoggedEvent(pk, received, member, names[name], occurred, amount, orjson.loads(properties), trusted)
                for pk, received, member, name, occurred, amount, properties, trusted in db.fetchall()
            ]
        events = _told_of_survivors(events)
        if len(events) == self.batch_size:
            end = (events[-1].received_at, events[-1].id)
        return events, end


class RangeReader(Consumer):
    """A reader that looks at a stretch of the log in SQL instead of event by event.

    `follow` gets (received_at, id) of where it begins (exclusive) and ends (inclusive); IN_RANGE is the condition for
    both, with the parameters `range_of` makes. What it learns must be worth less than the stream: a stretch that it
    fails on is logged and left out.
    """

    def consume(self, events: Sequence[LoggedEvent]) -> None:
        raise NotImplementedError("reads stretches of the log, not events")

    @abstractmethod
    def follow(self, db: CursorWrapper, start: Position, end: Position) -> None: ...

    def run(self) -> bool:
        with transaction.atomic():
            cursor = Cursor.objects.select_for_update(skip_locked=True).filter(consumer=self.name).first()
            if cursor is None:
                self._start_at_end()
                return False
            mark = Cursor.objects.filter(consumer=ABSORBER).first()
            start = (cursor.received_at, cursor.event_id)
            if mark is None or (mark.received_at, mark.event_id) <= start:
                return False
            end = (mark.received_at, mark.event_id)
            try:
                with transaction.atomic(), connection.cursor() as db:
                    self.follow(db, start, end)
            except OperationalError:
                raise
            except Exception:
                log.exception("consumer.stretch_left_out", consumer=self.name, start=str(start), end=str(end))
            cursor.received_at, cursor.event_id = end
            cursor.save(update_fields=["received_at", "event_id"])
        return True


IN_RANGE = """
e.tenant_id = {tenant} AND e.received_at >= %(start_at)s AND e.received_at <= %(end_at)s
AND (e.received_at, e.id) > (%(start_at)s, %(start_id)s) AND (e.received_at, e.id) <= (%(end_at)s, %(end_id)s)
"""


# The type of the JSON value `p.value` in the words of EventProperty; `null` for null.
TYPE_OF = r"""
CASE jsonb_typeof(p.value) WHEN 'array' THEN 'list' WHEN 'string' THEN
    CASE WHEN p.value #>> ARRAY[]::text[] ~ '^\d\d\d\d-\d\d-\d\d([T ]\d\d:\d\d|$)' THEN 'datetime' ELSE 'text' END
ELSE jsonb_typeof(p.value) END
"""


def range_of(start: Position, end: Position) -> dict[str, Any]:
    return {"start_at": start[0], "start_id": start[1], "end_at": end[0], "end_id": end[1]}


def _told_of_survivors(events: list[LoggedEvent]) -> list[LoggedEvent]:
    if not events or not any_merged():
        return events
    aliases = Member.objects.filter(pk__in={event.member_id for event in events}, merged_into__isnull=False)
    survivors = dict(aliases.values_list("pk", "merged_into"))
    return [replace(event, member_id=survivors.get(event.member_id) or event.member_id) for event in events]


def replay(name: str, *, since: datetime) -> None:
    """Let a consumer read the log again from what was received at `since`; its effects must be idempotent."""
    Cursor.objects.filter(consumer=name).update(received_at=since, event_id=0)


def start_cursors() -> None:
    """For a tenant without a log: every consumer begins at its beginning, so that none misses the first batch."""
    names = [ABSORBER, *(reaction.name for reaction in _reactions if isinstance(reaction, Consumer))]
    Cursor.objects.bulk_create([Cursor(consumer=name, received_at=BEGINNING) for name in names], ignore_conflicts=True)
