"""Entries and exits, sizes and how they grew: all from the members' states and the history, nothing is kept twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import TupleLessThan
from django.utils import timezone

from members.models import Member, Tag
from segments.models import Change, Segment, Stage
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant


@dataclass(frozen=True, slots=True)
class MemberChange:
    """`title` is the name of the segment or tag, or the label of the stage; empty when it is gone."""

    id: int
    member_id: int
    kind: str
    title: str
    entered: bool
    at: datetime
    cause: str
    event_id: int | None


@dataclass(frozen=True, slots=True)
class SizeOn:
    """The size at the end of a local day."""

    day: date
    size: int


def sizes() -> dict[int, int]:
    """How many members each segment has now, by segment id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i, count(*) FROM members_memberstate s, unnest(s.segment_ids) i WHERE s.tenant_id = %s GROUP BY i",
            [require_tenant()],
        )
        return dict(cursor.fetchall())


def trend(segment: Segment, days: int = 30) -> list[SizeOn]:
    """The size on each of the last days, the present one last: the size now less what changed since."""
    zone = Tenant.objects.get(pk=require_tenant()).time_zone
    today = timezone.now().astimezone(Tenant(time_zone=zone).zone).date()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (at AT TIME ZONE %s)::date, sum(CASE WHEN entered THEN 1 ELSE -1 END)::int FROM segments_change "
            "WHERE tenant_id = %s AND kind = 'segment' AND target_id = %s AND at >= %s GROUP BY 1",
            [zone, require_tenant(), segment.pk, timezone.now() - timedelta(days=days + 1)],
        )
        moved: dict[date, int] = dict(cursor.fetchall())
    size = sizes().get(segment.pk, 0)
    found = []
    for back in range(days):
        day = today - timedelta(days=back)
        found.append(SizeOn(day, size))
        size -= moved.get(day, 0)
    return found[::-1]


def changes_of_member(member_id: int, *, limit: int = 50) -> list[MemberChange]:
    """Newest first."""
    return _titled(Change.objects.filter(member_id=member_id).order_by("-at", "-id")[:limit])


def segment_changes(segment: Segment, member_ids: Iterable[int] | None = None) -> QuerySet[Change]:
    """Entries into and exits from a segment; of these members only, where some are named."""
    rows = Change.objects.filter(kind=Change.Kind.SEGMENT, target_id=segment.pk)
    return rows if member_ids is None else rows.filter(member_id__in=list(member_ids))


def external_ids_of(member_ids: Iterable[int]) -> dict[int, str | None]:
    """By member; of one who was merged away, that of the survivor."""
    rows = Member.objects.filter(pk__in=set(member_ids)).values_list("pk", "external_id", "merged_into__external_id")
    return {pk: survivor or own for pk, own, survivor in rows}


def recent_changes(segment: Segment, *, limit: int = 50) -> list[MemberChange]:
    """Entries into and exits from a segment, newest first."""
    rows = segment_changes(segment)
    return _titled(rows.order_by("-at", "-id")[:limit])


def changes_of_segment(
    segment: Segment, *, entered: bool | None = None, before: tuple[datetime, int] | None = None, limit: int = 50
) -> list[MemberChange]:
    """Entries (`entered`), exits (False) or both, newest first; `before` is (at, id) of the last one already seen."""
    rows = segment_changes(segment)
    if entered is not None:
        rows = rows.filter(entered=entered)
    if before is not None:
        rows = rows.filter(TupleLessThan((F("at"), F("id")), before))
    return _titled(rows.order_by("-at", "-id")[:limit])


def _titled(changes: Iterable[Change]) -> list[MemberChange]:
    rows = list(changes)
    titles = {(Change.Kind.SEGMENT.value, pk): name for pk, name in Segment.objects.values_list("id", "name")}
    titles |= {(Change.Kind.TAG.value, pk): name for pk, name in Tag.objects.values_list("id", "name")}
    titles |= {(Change.Kind.STAGE.value, stage.pk): stage.label for stage in Stage.objects.all()}
    return [
        MemberChange(
            row.pk, row.member_id, row.kind, titles.get((row.kind, row.target_id), ""), row.entered, row.at, row.cause,
            row.event_id,
        )
        for row in rows
    ]  # fmt: skip
