"""What happened to one member, newest first, paged by position; with what caused it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from django.db import connection

from members.models import EventName, Member
from members.queries.merging import history_ids
from urm.audit.models import AuditEntry
from urm.tenancy.context import require_tenant

BEHAVIOUR = "behaviour"  # the kind of everything that the platform did not write itself
STAFF = "staff"  # the kind of what staff did to the member; it stands in the audit log


@dataclass(frozen=True, slots=True)
class TimelineCause:
    """The event that another one came of."""

    id: int
    name: str
    occurred_at: datetime
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of a member; (`occurred_at`, `id`) is its place in the timeline."""

    id: int
    name: str
    occurred_at: datetime
    amount: Decimal | None
    properties: dict[str, Any]
    trusted: bool
    cause: TimelineCause | None = field(default=None)

    @property
    def kind(self) -> str:
        return kind_of(self.name)


def kind_of(name: str) -> str:
    """`urm.segment.entered` is of the kind `segment`; what apps send is `behaviour`."""
    return name.split(".")[1] if name.startswith("urm.") and name.count(".") > 1 else BEHAVIOUR


def timeline(
    member: Member,
    *,
    before: tuple[datetime, int] | None = None,
    names: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
) -> list[TimelineEntry]:
    """Newest first; `before` is the place of the last entry already seen.

    `names` and `kinds` keep only those events, `start` and `end` only those in [start, end). Three queries, four when
    some entry has a cause, at whatever depth.
    """
    known = dict(EventName.objects.values_list("id", "name"))
    people = history_ids([member.pk])
    conditions = ["tenant_id = %s", "member_id = ANY (%s)"] if people[1:] else ["tenant_id = %s", "member_id = %s"]
    parameters: list[Any] = [require_tenant(), people if people[1:] else member.pk]
    if before is not None:
        conditions += ["occurred_at <= %s", "(occurred_at, id) < (%s, %s)"]
        parameters += [before[0], *before]
    if start is not None:
        conditions.append("occurred_at >= %s")
        parameters.append(start)
    if end is not None:
        conditions.append("occurred_at < %s")
        parameters.append(end)
    if names is not None or kinds is not None:
        conditions.append("name_id = ANY (%s)")
        parameters.append([pk for pk, name in known.items() if _wanted(name, names, kinds)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name_id, occurred_at, amount, properties::text, trusted FROM members_event "
            f"WHERE {' AND '.join(conditions)} ORDER BY occurred_at DESC, id DESC LIMIT %s",
            [*parameters, limit],
        )
        rows = [(*row[:4], orjson.loads(row[4]), row[5]) for row in cursor.fetchall()]
    causes = _causes(people, (row[4].get("cause") for row in rows if known[row[1]].startswith("urm.")), known)
    return [
        TimelineEntry(
            pk, known[name], occurred, amount, properties, trusted, _cause_of(known[name], properties, causes)
        )
        for pk, name, occurred, amount, properties, trusted in rows
    ]


def staff_actions(
    member: Member,
    *,
    before: tuple[datetime, int] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """What staff did to the member, newest first; `before` is exclusive, by (`at`, `id`)."""
    found = AuditEntry.objects.filter(
        target_type=Member._meta.label_lower, target_id=str(member.pk), actor_kind=AuditEntry.ActorKind.STAFF
    )
    if start is not None:
        found = found.filter(at__gte=start)
    if end is not None:
        found = found.filter(at__lt=end)
    if before is not None:
        found = found.filter(at__lte=before[0]).exclude(at=before[0], pk__gte=before[1])
    return list(found.order_by("-at", "-pk")[:limit])


def _wanted(name: str, names: Sequence[str] | None, kinds: Sequence[str] | None) -> bool:
    return (names is None or name in names) and (kinds is None or kind_of(name) in kinds)


def _causes(people: list[int], ids: Iterable[Any], known: dict[int, str]) -> dict[int, TimelineCause]:
    wanted = sorted({pk for pk in ids if isinstance(pk, int)})
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name_id, occurred_at, amount FROM members_event "
            "WHERE tenant_id = %s AND member_id = ANY (%s) AND id = ANY (%s)",
            [require_tenant(), people, wanted],
        )
        return {
            pk: TimelineCause(pk, known.get(name, ""), occurred, amount)
            for pk, name, occurred, amount in cursor.fetchall()
        }


def _cause_of(name: str, properties: dict[str, Any], causes: dict[int, TimelineCause]) -> TimelineCause | None:
    cause = properties.get("cause")
    return causes.get(cause) if isinstance(cause, int) and name.startswith("urm.") else None
