"""Reads: searching members, one member's timeline, what is going on in the log."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Min, QuerySet, Sum

from members.models import DirtyMember, Identity, InboxEntry, Member, MemberState, Tag
from members.queries.timelines import TimelineEntry as TimelineEntry
from members.queries.timelines import timeline as timeline


def live_members() -> QuerySet[Member]:
    """Members that are neither merged away nor erased."""
    return Member.objects.filter(merged_into=None, erased_at=None)


def search_members(text: str, queryset: QuerySet[Member] | None = None) -> QuerySet[Member]:
    """Members whose name, e-mail, external id or phone holds every word of `text`.

    From three characters a word is found anywhere by its trigrams; shorter ones (Chinese names) at a word's beginning.
    """
    found = live_members() if queryset is None else queryset
    for word in text.lower().split():
        pattern = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        found = found.extra(
            where=["members_member.search_text LIKE %s"], params=[f"%{pattern}%" if len(word) > 2 else f"% {pattern}%"]
        )
    return found


def member_by_identity(value: str, kind: str = Identity.Kind.EXTERNAL_ID) -> Member | None:
    identity = Identity.objects.select_related("member").filter(kind=kind, value=value).first()
    return identity.member if identity and identity.member.erased_at is None else None


def inbox_is_absorbed(entry_id: int) -> bool:
    return not InboxEntry.objects.filter(pk=entry_id).exists()


def members_are_refreshed(items: Collection[Mapping[str, Any]]) -> bool:
    """Whether segments, tags and stage of all members that these absorbed inbox items are about are up to date."""
    values: dict[str, set[str]] = {}
    for item in items:
        values.setdefault(item["i"], set()).add(item["v"])
    return not any(
        DirtyMember.objects.filter(
            member_id__in=Identity.objects.filter(kind=kind, value__in=ids).values("member_id")
        ).exists()
        for kind, ids in values.items()
    )


def tag_names(member_ids: Sequence[int]) -> dict[int, list[str]]:
    """The names of the tags, manual and rule-driven, that each of these members has; in alphabetical order."""
    held = dict(MemberState.objects.filter(member_id__in=member_ids).values_list("member_id", "tag_ids"))
    names = dict(Tag.objects.filter(pk__in={tag for tags in held.values() for tag in tags}).values_list("pk", "name"))
    return {pk: sorted(names[tag] for tag in held.get(pk, []) if tag in names) for pk in member_ids}


def identities_of(member_ids: Sequence[int]) -> dict[int, dict[str, list[str]]]:
    """All ids of each of these members, by kind in the kinds' order."""
    found: dict[int, dict[str, list[str]]] = {}
    rows = Identity.objects.filter(member_id__in=member_ids).order_by("id").values_list("member_id", "kind", "value")
    place = {kind: at for at, kind in enumerate(Identity.Kind.values)}
    for member_id, kind, value in sorted(rows, key=lambda row: place[row[1]]):
        found.setdefault(member_id, {}).setdefault(kind, []).append(value)
    return found


def with_tag(name: str, queryset: QuerySet[Member]) -> QuerySet[Member]:
    tag_id = Tag.objects.filter(name=name).values_list("pk", flat=True).first()
    return queryset.none() if tag_id is None else queryset.filter(state__tag_ids__contains=[tag_id])


def in_segment(segment_id: int, queryset: QuerySet[Member]) -> QuerySet[Member]:
    return queryset.filter(state__segment_ids__contains=[segment_id])


def inbox_backlog() -> tuple[int, datetime | None]:
    """How many events of the current workspace wait to be absorbed, and since when the first of them does."""
    waiting = InboxEntry.objects.aggregate(events=Sum("items"), since=Min("received_at"))
    return waiting["events"] or 0, waiting["since"]


def log_has_partition(month: date) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"members_event_{month:%Y%m}"])
        return bool(cursor.fetchone()[0])
