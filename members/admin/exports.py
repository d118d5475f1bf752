"""Members and the log as files; what the lists show with their filters, or a whole segment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from django.utils.translation import gettext_lazy as _

from members.actions.imports.targets import FIELDS
from members.models import AttributeDefinition, EventName, Identity, Member, Tag
from members.queries import tag_names
from urm.jobs.admin.exports import export_of_list
from urm.jobs.exports import Export, ExportFilter, Query, add_export_filter, register_export
from urm.tenancy.context import require_tenant

_EVENTS = """
SELECT e.received_at, e.id, e.occurred_at, n.name, m.external_id, e.member_id, e.amount, e.trusted, e.properties::text
FROM members_event e JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = e.name_id
LEFT JOIN members_member m ON m.tenant_id = {tenant} AND m.id = e.member_id
WHERE e.tenant_id = {tenant} AND (e.received_at, e.id) > (%(at)s, %(id)s)
  AND (%(names)s::text[] IS NULL OR n.name = ANY (%(names)s))
  AND (%(member)s::bigint IS NULL OR e.member_id = %(member)s)
ORDER BY e.received_at, e.id LIMIT %(limit)s
"""


def _attributes() -> list[str]:
    return list(AttributeDefinition.objects.order_by("name").values_list("name", flat=True))


def member_header() -> list[str]:
    """The names that an import understands, so that a file can be changed and brought back."""
    return [*FIELDS, "created_at", "tags", *(f"attributes.{name}" for name in _attributes()), "other_attributes"]


def member_rows(members: Sequence[Member]) -> list[list[Any]]:
    names = _attributes()
    registered = set(names)
    tags = tag_names([member.pk for member in members])
    rows = []
    for member in members:
        others = {name: value for name, value in member.attributes.items() if name not in registered}
        rows.append(
            [
                *(_cell(getattr(member, name)) for name in FIELDS),
                _cell(member.created_at),
                "; ".join(tags.get(member.pk, [])),
                *(_cell(member.attributes.get(name)) for name in names),
                orjson.dumps(others).decode() if others else "",
            ]
        )
    return rows


def event_header() -> list[str]:
    return ["occurred_at", "name", "external_id", "member", "amount", "trusted", "properties", "received_at", "event"]


def event_rows(query: Query, after: Any, limit: int) -> tuple[list[list[Any]], Any]:
    """In the order in which they came. `query`: `member` (its number) and `event` (names)."""
    member = next((value for value in query.get("member", ()) if value.isdigit()), None)
    names = [name for name in query.get("event", ()) if EventName.objects.filter(name=name).exists()]
    at, last = after or ("-infinity", 0)
    with connection.cursor() as cursor:
        cursor.execute(
            _EVENTS.format(tenant=require_tenant()),
            {"at": at, "id": last, "names": names or None, "member": member, "limit": limit},
        )
        found = cursor.fetchall()
    rows = [
        [_cell(occurred), name, external_id, member_id, _cell(amount), trusted, properties, _cell(received), pk]
        for received, pk, occurred, name, external_id, member_id, amount, trusted, properties in found
    ]
    return rows, [found[-1][0].isoformat(), found[-1][1]] if len(found) == limit else None


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value) if not isinstance(value, dict) else orjson.dumps(value).decode()


def _search(value: Any) -> Query:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= 200 or "\x00" in value:
        raise ValueError("Give words to search for, as in the list of members.")
    return {"q": [value.strip()]}


def _tagged(value: Any) -> Query:
    tag = Tag.objects.filter(name=value).first() if isinstance(value, str) and "\x00" not in value else None
    if tag is None:
        raise ValueError("There is no such tag in this workspace.")
    return {"tag": [str(tag.pk)]}


def _named(value: Any) -> Query:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not 0 < len(names) <= 100 or not all(isinstance(name, str) for name in names):
        raise ValueError("Give a name of events, or a list of up to 100.")
    known = set(
        EventName.objects.filter(name__in=[name for name in names if "\x00" not in name]).values_list("name", flat=True)
    )
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"There are no events named {unknown[0][:64]} in this workspace.")
    return {"event": names}


def _of_member(value: Any) -> Query:
    known = Identity.objects.filter(kind="external_id", value=value) if isinstance(value, str) else None
    found = known.first() if known is not None and "\x00" not in value else None
    if found is None:
        raise ValueError("There is no such member in this workspace.")
    return {"member": [str(found.member_id)]}


export_of_list(
    Member,
    name="members",
    label=_("Members"),
    capability="members.export",
    header=member_header,
    rows=member_rows,
)
register_export(Export("events", _("Events"), "members.export", event_header, event_rows))
add_export_filter("members", ExportFilter("search", _search))
add_export_filter("members", ExportFilter("tag", _tagged))
add_export_filter("events", ExportFilter("names", _named))
add_export_filter("events", ExportFilter("external_id", _of_member))
