"""The registry itself, and the SQL that it makes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from django.db import connection
from django.utils.functional import Promise

from urm.tenancy.context import require_tenant


@dataclass(frozen=True)
class Person:
    """`ids`: the member and all who were merged into it. `addresses`: e-mail, phone, identities and every other value
    that nobody else has. `names` may be other people's too: they are only looked for where nothing is lost by it.
    `digests`: by which the suppression list knows the addresses. `searched`: how far large tables were searched
    already, by table (see urm.privacy.searching).
    """

    ids: tuple[int, ...]
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    digests: tuple[bytes, ...] = ()
    searched: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.addresses, *self.names)

    def is_mentioned_in(self, text: str) -> bool:
        """Whether an address stands in the text by itself, and not as a part of somebody else's."""
        return any(
            re.search(rf"(?<![\w.+-]){re.escape(address)}(?![\w-])", text, re.IGNORECASE) for address in self.addresses
        )


class Erase(Enum):
    BLANK = "blank"
    DROP = "drop"


BLANK, DROP = Erase.BLANK, Erase.DROP


@dataclass(frozen=True)
class Forget:
    """`forget` gets the person inside the erasure's transaction."""

    forget: Callable[[Person], None]


@dataclass(frozen=True)
class LookUp:
    """Export what a number means instead of the number: `column` of `table` with that id."""

    table: str
    column: str
    label: str | Promise = ""


@dataclass(frozen=True)
class Table:
    """`person` is the column with the member's id; `rows` a condition instead, where that takes more.

    In conditions {tenant} is a literal, {members} and {digests} are arrays of the person's.
    """

    name: str
    person: str = ""
    rows: str = ""
    title: str | Promise = ""
    personal: str = ""
    pseudonymous: str = ""
    neutral: str = ""
    staff: str = ""
    hidden: str = ""  # not exported: counters and leases of machines
    handed_out: str = ""  # a further condition on rows that are exported: the others are somebody else's as well
    erase: Erase | Forget | None = None
    blank: Mapping[str, str] = field(default_factory=dict)
    look_up: Mapping[str, LookUp] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.personal.split(), *self.pseudonymous.split(), *self.neutral.split(), *self.staff.split())

    @property
    def condition(self) -> str:
        """SQL for the person's rows; "" for a table that is nobody's."""
        return self.rows or (f"{self.person} = ANY({{members}})" if self.person else "")


_tables: dict[str, Table] = {}


def declare(*tables: Table) -> None:
    for table in tables:
        if table.name in _tables:
            raise ValueError(f"{table.name} is declared twice.")
        if table.personal and table.erase is None:
            raise ValueError(f"{table.name} holds personal data: say what erasure does to it.")
        if table.erase is not None and not isinstance(table.erase, Forget) and not table.condition:
            raise ValueError(f"{table.name}: say whose its rows are.")
        _tables[table.name] = table


def declared_tables() -> dict[str, Table]:
    return dict(_tables)


def forget_person(person: Person) -> None:
    """Do to every table what its declaration says, in the caller's transaction."""
    for table in _tables.values():
        if isinstance(table.erase, Forget):
            table.erase.forget(person)
        elif table.erase is DROP:
            execute(f"DELETE FROM {table.name} t WHERE tenant_id = {{tenant}} AND {table.condition}", person)
        elif table.erase is BLANK:
            sets = ", ".join(f"{name} = {table.blank.get(name) or _nothing(table.name, name)}" for name in _set(table))
            execute(f"UPDATE {table.name} t SET {sets} WHERE tenant_id = {{tenant}} AND {table.condition}", person)


def execute(statement: str, person: Person, **more: Any) -> list[tuple[Any, ...]]:
    """Run SQL with the person's values; {tenant}, {members}, {digests}, {words}, {addresses} may stand in it."""
    filled = statement.format(
        tenant=require_tenant(),
        members="%(members)s::bigint[]",
        digests="%(digests)s::bytea[]",
        words="%(words)s::text[]",
        addresses="%(addresses)s::text[]",
    )
    given = {
        "members": list(person.ids),
        "digests": list(person.digests),
        "words": [anywhere(word) for word in person.words],
        "addresses": [anywhere(word) for word in person.addresses],
        **more,
    }
    with connection.cursor() as cursor:
        cursor.execute(filled, given)
        return list(cursor.fetchall()) if cursor.description else []


def anywhere(word: str) -> str:
    """For LIKE: the word anywhere."""
    escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def _set(table: Table) -> list[str]:
    generated = _columns(table.name)
    return [name for name in table.personal.split() if not generated[name].generated]


@dataclass(frozen=True)
class _Column:
    nullable: bool
    kind: str
    generated: bool


def _columns(table: str) -> dict[str, _Column]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, NOT attnotnull, format_type(atttypid, NULL), attgenerated <> '' FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [table],
        )
        return {name: _Column(nullable, kind, generated) for name, nullable, kind, generated in cursor.fetchall()}


_EMPTY = {
    "text": "''",
    "character varying": "''",
    "jsonb": "'{{}}'",  # doubled: {tenant} and the like are filled in later
    "bytea": "''",
}


def _nothing(table: str, name: str) -> str:
    """SQL for an emptied column."""
    column = _columns(table)[name]
    return "NULL" if column.nullable else _EMPTY[column.kind]
