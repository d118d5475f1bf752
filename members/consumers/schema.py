"""Learns what events look like: how many of each name, which properties, of which types.

Every event is counted. Properties are looked at in full while little comes in, and in an evenly spread sample of
SAMPLE events a stretch in floods: learning never costs more than a small share of absorbing.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from members.consumers.log import IN_RANGE, TYPE_OF, Position, RangeReader, range_of, register_consumer
from members.models import EventProperty
from urm.tenancy.context import require_tenant

SAMPLE = 1000
MOST_PROPERTIES = 200  # of one event name; more are keys that are made up as they go
SEEN_EVERY = timedelta(minutes=10)  # how exact `last_at` of a property is

_COUNT = f"""
UPDATE members_eventname n SET count = n.count + e.count, last_at = greatest(n.last_at, e.last_at),
    has_amount = n.has_amount OR e.has_amount
FROM (
    SELECT name_id, count(*) AS count, max(occurred_at) AS last_at, bool_or(amount IS NOT NULL) AS has_amount
    FROM members_event e WHERE {IN_RANGE} GROUP BY name_id ORDER BY name_id
) e WHERE n.tenant_id = {{tenant}} AND n.id = e.name_id RETURNING e.count
"""

_BEFORE = """
UPDATE members_eventname n SET count = d.count, last_at = d.last_at, has_amount = d.has_amount
FROM (
    SELECT name_id, sum(count) AS count, max(last_at) AS last_at, sum(amount_count) > 0 AS has_amount
    FROM members_daily WHERE tenant_id = {tenant} GROUP BY name_id
) d WHERE n.tenant_id = {tenant} AND n.id = d.name_id
"""

_PROPERTIES = f"""
SELECT name_id, key, type, max(occurred_at) FROM (
    SELECT e.name_id, e.occurred_at, p.key, {TYPE_OF} AS type
    FROM (
        SELECT name_id, occurred_at, properties FROM members_event e WHERE {IN_RANGE} AND e.id %% %(every)s = 0
        ORDER BY e.received_at, e.id LIMIT %(most)s
    ) e CROSS JOIN jsonb_each(e.properties) p
    WHERE length(p.key) BETWEEN 1 AND 100
) seen WHERE type <> 'null' GROUP BY 1, 2, 3 ORDER BY 1, 2, count(*) DESC, 3
"""

_PERSONAL = (
    *("email", "mail", "phone", "mobile", "tel", "name", "first_name", "last_name", "full_name", "nickname"),
    *("address", "street", "birthday", "birthdate", "id_card", "passport", "ip", "card_number", "openid", "unionid"),
)


class LearnSchema(RangeReader):
    name = "schema"

    def follow(self, db: CursorWrapper, start: Position, end: Position) -> None:
        tenant, place = require_tenant(), range_of(start, end)
        db.execute(_COUNT.format(tenant=tenant), place)
        count = sum(row[0] for row in db.fetchall())
        sample = {"every": count // SAMPLE + 1, "most": 2 * SAMPLE}
        db.execute(_PROPERTIES.format(tenant=tenant), {**place, **sample})
        learn_properties(db.fetchall())

    def _start_at_end(self) -> None:
        """What came before is counted from the days; its properties are learned as they come again."""
        super()._start_at_end()
        with connection.cursor() as db:
            db.execute(_BEFORE.format(tenant=require_tenant()))


def learn_properties(seen: list[tuple[int, str, str, datetime]]) -> None:
    """`seen`: (id of the event name, property, type, when), the commonest type of a property first.

    Adds what is new and notes types that disagree.
    """
    known: dict[int, dict[str, EventProperty]] = {}
    for one in EventProperty.objects.filter(event_id__in={name_id for name_id, *_rest in seen}):
        known.setdefault(one.event_id, {})[one.name] = one
    changed: dict[int, EventProperty] = {}
    new: list[EventProperty] = []
    for name_id, key, kind, at in seen:
        of_event = known.setdefault(name_id, {})
        row = of_event.get(key)
        if row is None:
            if len(of_event) < MOST_PROPERTIES:
                of_event[key] = row = EventProperty(
                    event_id=name_id,
                    name=key,
                    type=kind,
                    seen_types=[kind],
                    first_at=at,
                    last_at=at,
                    personal=is_personal(key),
                )
                new.append(row)
            continue
        if _note(row, kind, at) and row.pk:
            changed[row.pk] = row
    EventProperty.objects.bulk_create(new, ignore_conflicts=True)
    EventProperty.objects.bulk_update(changed.values(), ["type", "seen_types", "conflict_at", "last_at"])


def is_personal(name: str) -> bool:
    """Whether a property's name promises personal data; staff may say otherwise."""
    return name.lower().replace("-", "_") in _PERSONAL or name.lower().endswith(("email", "phone"))


def fits(kind: str, expected: str) -> bool:
    """A date is a text as well."""
    return kind == expected or (kind, expected) == ("datetime", "text")


def _note(row: EventProperty, kind: str, at: datetime) -> bool:
    before: Any = (row.type, list(row.seen_types), row.conflict_at)
    if kind not in row.seen_types:
        row.seen_types = [*row.seen_types, kind]
    if row.type == "datetime" and kind == "text" and row.conflict_at is None:
        row.type = "text"  # the dates were texts that looked like dates
    elif not fits(kind, row.type) and row.conflict_at is None:
        row.conflict_at = timezone.now()
    if at - row.last_at > SEEN_EVERY:
        row.last_at = at
        return True
    return bool(before != (row.type, row.seen_types, row.conflict_at))


register_consumer(LearnSchema())
