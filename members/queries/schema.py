"""What the registry of events knows, and values that show what a property holds."""

from collections.abc import Iterable

from django.db import connection

from members.models import EventName, EventProperty
from urm.tenancy.context import require_tenant

NEWEST = 10_000
SHARED_BY = 3  # an example is a value that so many members have: nobody is recognised by it

# Values that many share among the newest rows of the log; none that looks like an address or a number of somebody.
_EXAMPLES = r"""
SELECT key, value FROM (
    SELECT key, value, row_number() OVER (PARTITION BY key ORDER BY count(*) DESC, value) AS place FROM (
        SELECT member_id, p.key, p.value FROM (
            SELECT member_id, name_id, properties FROM members_event WHERE tenant_id = {tenant}
            ORDER BY received_at DESC, id DESC LIMIT %(newest)s
        ) e CROSS JOIN jsonb_each_text(e.properties) p WHERE e.name_id = %(event)s AND p.key = ANY (%(names)s)
    ) v WHERE length(value) BETWEEN 1 AND 60 AND value !~ '@|\d\d\d\d\d\d\d'
    GROUP BY key, value HAVING count(DISTINCT member_id) >= %(shared)s
) r WHERE place <= %(limit)s ORDER BY key, place
"""


def visible_events() -> list[EventName]:
    """What rules may be written about, by name; hidden ones are left out."""
    return list(EventName.objects.filter(hidden=False).order_by("name"))


def visible_properties(event_name: str) -> list[EventProperty]:
    found = EventProperty.objects.filter(event__name=event_name, hidden=False)
    return list(found.order_by("name"))


def property_examples(
    event: EventName, properties: Iterable[EventProperty] | None = None, *, limit: int = 5
) -> dict[str, list[str]]:
    """By property: the commonest values of late. None of personal properties, lists and objects."""
    rows = EventProperty.objects.filter(event=event) if properties is None else properties
    names = [row.name for row in rows if not row.personal and row.type not in {"list", "object"}]
    with connection.cursor() as db:
        db.execute(
            _EXAMPLES.format(tenant=require_tenant()),
            {"newest": NEWEST, "event": event.pk, "names": names, "shared": SHARED_BY, "limit": limit},
        )
        found: dict[str, list[str]] = {}
        for key, value in db.fetchall():
            found.setdefault(key, []).append(value)
    return found
