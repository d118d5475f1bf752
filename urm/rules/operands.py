"""What a fact yields as SQL, and the scope it is asked in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from urm.rules.sqltext import ONE, Sql
from urm.rules.types import Kind


@dataclass(frozen=True, slots=True)
class Operand:
    """What a fact yields, as SQL over the plan's FROM clause; NULL is missing. Numbers are `numeric` or integers,
    texts and choices `text`, lists `jsonb` arrays. The moments say when the value can change without any event:
    upwards, downwards, or either way. `shown` is what an explanation shows instead of a bare yes or no."""

    sql: Sql
    kind: Kind
    changes_at: tuple[Sql, ...] = ()
    falls_at: tuple[Sql, ...] = ()
    rises_at: tuple[Sql, ...] = ()
    shown: Sql | None = None


@dataclass(frozen=True, slots=True)
class Ratio(Operand):
    """`sql` ÷ `denominator`, never divided: compared as `sql` against value × denominator. NULL there is missing."""

    denominator: Sql = ONE


@dataclass(frozen=True, slots=True)
class Elapsed(Operand):
    """The days of 86,400 s from the moment `sql` until `as_of`, compared as moments."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose answers, as of when. `members` is a FROM item with a `member_id` column, or None for the whole workspace;
    `aging` asks for the next moment at which an answer can change by itself. With `settle_later`, a pass may leave
    members open whom it could only decide with much more reading: `Plan.open()` says which."""

    tenant_id: int
    time_zone: str
    as_of: dt.datetime
    members: Sql | None = None
    aging: bool = False
    settle_later: bool = False

    @property
    def tenant(self) -> Sql:
        """The literal that every table's condition carries."""
        return Sql(str(int(self.tenant_id)))
