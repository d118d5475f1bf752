"""Who a member is to the registry of personal data, and everything that is known about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from django.apps import apps
from django.db import connection
from django.utils.text import capfirst

from members.models import AttributeDefinition, EventProperty, Identity, Member, Suppression
from urm.privacy import Person, Table, declared_tables
from urm.privacy.registry import execute

_FAMILY = """
WITH RECURSIVE family AS (
    SELECT id FROM members_member WHERE tenant_id = {tenant} AND id = ANY({members})
    UNION SELECT m.id FROM members_member m JOIN family f ON m.merged_into_id = f.id WHERE m.tenant_id = {tenant}
)
SELECT id FROM family ORDER BY id
"""

_SHORTEST = 6  # what is shorter may be anybody's, or any number


@dataclass(frozen=True)
class Section:
    """Rows of one table about one person: column → value as JSON holds it. `labels` are for people."""

    name: str
    title: str
    labels: dict[str, str]
    rows: list[dict[str, Any]]


def survivor_of(member: Member) -> Member:
    """The member, or who they were merged into in the end."""
    while member.merged_into_id is not None:
        member = Member.objects.get(pk=member.merged_into_id)
    return member


def person_of(member: Member) -> Person:
    """The member with all who were merged into them, and the values by which texts may mention them."""
    ids = tuple(pk for (pk,) in execute(_FAMILY, Person((survivor_of(member).pk,))))
    rows = list(Member.objects.filter(pk__in=ids))
    addresses = {value for row in rows for value in (row.email, row.phone) if value}
    identities = Identity.objects.filter(member_id__in=ids).values_list("value", flat=True)
    names = {name for row in rows for name in _names(row)}
    own = {row.name for row in AttributeDefinition.objects.filter(personal=False)}
    names |= {
        value
        for row in rows
        for name, value in row.attributes.items()
        if isinstance(value, str) and name not in own and len(value) >= _SHORTEST
    }
    return Person(
        ids=ids,
        addresses=tuple(sorted({value for value in {*addresses, *identities} if len(value) >= _SHORTEST})),
        names=tuple(sorted(names)),
        digests=tuple(
            Suppression.digest_of(channel, value) for value in sorted(addresses) for channel in ("email", "sms")
        ),
    )


def _names(member: Member) -> Iterator[str]:
    """The full name both ways round; a single name is other people's as well."""
    if member.first_name and member.last_name:
        yield f"{member.first_name} {member.last_name}"
        yield f"{member.last_name}{member.first_name}"
        yield f"{member.last_name} {member.first_name}"
        yield f"{member.last_name}, {member.first_name}"


def everything_about(member: Member) -> list[Section]:
    """All that the registry of personal data finds about the person, in the reader's language."""
    person = person_of(member)
    return [_section(table, person) for table in declared_tables().values() if table.title]


def _section(table: Table, person: Person) -> Section:
    hidden = set(table.hidden.split())
    columns = [name for name in table.columns if name not in hidden]
    shown = ", ".join(f"{_value(table, name)} AS {connection.ops.quote_name(name)}" for name in columns)
    order = next((name for name in columns if name in {"occurred_at", "at", "created_at", "id"}), columns[0])
    own = f" AND {table.handed_out}" if table.handed_out else ""
    found = execute(
        f"SELECT row_to_json(r)::text FROM (SELECT {shown} FROM {table.name} t "
        f"WHERE t.tenant_id = {{tenant}} AND {table.condition}{own} ORDER BY t.{order}) r",
        person,
    )
    labels = _labels(table, columns)
    rows = [orjson.loads(row) for (row,) in found]
    if table.name == "members_event":
        _leave_out_others(rows, person)
    return Section(table.name, capfirst(str(table.title)), labels, rows)


def _leave_out_others(events: list[dict[str, Any]], person: Person) -> None:
    """A personal property of one's own event may hold somebody else's address (“friend”): that is not given out."""
    personal = set(EventProperty.objects.filter(personal=True).values_list("event__name", "name"))
    places = [
        (event["properties"], key)
        for event in events
        for key, value in event["properties"].items()
        if isinstance(value, str) and (event["name_id"], key) in personal
    ]
    values = {spelling for held, key in places for spelling in (held[key], held[key].lower())}
    others = set(
        Identity.objects.filter(value__in=values).exclude(member_id__in=person.ids).values_list("value", flat=True)
    )
    for held, key in places:
        if held[key] in others or held[key].lower() in others:
            held[key] = "…"


def _value(table: Table, column: str) -> str:
    look_up = table.look_up.get(column)
    if look_up is None:
        return f"t.{connection.ops.quote_name(column)}"
    return (
        f"(SELECT l.{look_up.column} FROM {look_up.table} l WHERE l.tenant_id = {{tenant}} "
        f"AND l.id = t.{connection.ops.quote_name(column)})"
    )


def _labels(table: Table, columns: list[str]) -> dict[str, str]:
    model = next((model for model in apps.get_models() if model._meta.db_table == table.name), None)
    fields = {field.column: field for field in model._meta.concrete_fields} if model else {}
    labels = {}
    for name in columns:
        look_up = table.look_up.get(name)
        label = look_up.label if look_up else getattr(fields.get(name), "verbose_name", name)
        labels[name] = capfirst(str(label).replace("_", " "))
    return labels
