"""Finds out where members come from: the first touch that names a source decides `Member.source`.

A touch is an event whose properties name one: `src` (a code of ours), else `utm_source`, else `referrer` (a host).
urm.js puts the last touch into every event and the first one it knows into `first_touch`. First is by when it happened,
not by when it came in: a late event may correct what was found before. A source that somebody wrote into the profile
stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from members.actions import emit, mark_dirty
from members.consumers.log import IN_RANGE, Position, RangeReader, range_of, register_consumer
from members.events import MemberAcquired
from members.models import AcquisitionSource, Member, MemberAcquisition
from urm.tenancy.context import require_tenant

MOST_LEARNED = 500  # anybody can put any word into a link: what is found beyond this many counts as `other`
OTHER = "other"

# The first touch of each member in the stretch, then one look-up by key for each, whatever the planner believes.
_TOUCHES = f"""
WITH touched AS MATERIALIZED (
    SELECT DISTINCT ON (e.member_id) e.member_id, e.occurred_at, e.properties::text AS properties
    FROM members_event e
    WHERE {IN_RANGE} AND (
        e.properties ->> 'src' <> '' OR e.properties ->> 'utm_source' <> '' OR e.properties ->> 'referrer' <> ''
        OR jsonb_typeof(e.properties -> 'first_touch') = 'object'
    )
    ORDER BY e.member_id, e.occurred_at, e.id
)
SELECT t.member_id, t.occurred_at, t.properties FROM touched t LEFT JOIN LATERAL (
    SELECT at FROM members_memberacquisition WHERE tenant_id = {{tenant}} AND member_id = t.member_id OFFSET 0
) a ON true
WHERE a.at IS NULL OR t.occurred_at < a.at
"""


@dataclass(frozen=True)
class Touch:
    code: str
    kind: str
    details: dict[str, str]


def touch_of(properties: Mapping[str, Any]) -> Touch | None:
    """The first touch that an event tells of; None when it names no source."""
    first = properties.get("first_touch")
    told: Mapping[str, Any] = first if isinstance(first, dict) else properties
    for name, kind in (("src", "link"), ("utm_source", "campaign"), ("referrer", "referrer")):
        if code := _text(told, name, 100).lower():
            details = {
                "medium": _text(told, "utm_medium", 200),
                "campaign": _text(told, "utm_campaign", 200),
                "term": _text(told, "utm_term", 200),
                "content": _text(told, "utm_content", 200),
                "referrer": _text(told, "referrer", 200),
                "landing_page": _text(told, "landing_page", 500),
            }
            return Touch(code, kind, details)
    return None


def _text(told: Mapping[str, Any], name: str, most: int) -> str:
    value = told.get(name)
    return value.strip()[:most] if isinstance(value, str) else ""


class FindSources(RangeReader):
    name = "acquisition"

    def follow(self, db: CursorWrapper, start: Position, end: Position) -> None:
        db.execute(_TOUCHES.format(tenant=require_tenant()), range_of(start, end))
        found = [(member, at, touch_of(orjson.loads(properties))) for member, at, properties in db.fetchall()]
        touches = {member: (at, touch) for member, at, touch in found if touch is not None}
        if touches:
            record_touches(touches)


def record_touches(touches: Mapping[int, tuple[datetime, Touch]]) -> None:
    """Store first touches by member id; sources that nobody made are learned."""
    sources = _sources({touch.code: touch.kind for _at, touch in touches.values()})
    before = dict(MemberAcquisition.objects.filter(pk__in=touches).values_list("member_id", "source__code"))
    members = Member.objects.filter(pk__in=touches, erased_at=None).order_by("pk").values_list("pk", "source")
    rows, events = [], []
    changed: dict[str, list[int]] = {}
    for pk, known in members:
        at, touch = touches[pk]
        source = sources.get(touch.code) or sources[OTHER]
        rows.append(MemberAcquisition(member_id=pk, source=source, at=at, **touch.details))
        if known in (None, before.get(pk)) and known != source.code:
            changed.setdefault(source.code, []).append(pk)
        if pk not in before:
            medium, campaign = touch.details["medium"], touch.details["campaign"]
            events.append(MemberAcquired(member_id=pk, source=source.code, medium=medium, campaign=campaign))
    MemberAcquisition.objects.bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["source", "at", *_DETAILS],
        unique_fields=["tenant", "member"],
    )
    for code, ids in changed.items():  # a few sources, many members
        Member.objects.filter(pk__in=ids).update(source=code, updated_at=timezone.now())
    mark_dirty(pk for ids in changed.values() for pk in ids)
    emit(events)


_DETAILS = ("medium", "campaign", "term", "content", "referrer", "landing_page")


def _sources(wanted: Mapping[str, str]) -> dict[str, AcquisitionSource]:
    """By code; those that are missing are made, as far as there is room."""
    known = {source.code: source for source in AcquisitionSource.objects.filter(code__in=[*wanted, OTHER])}
    missing = [code for code in wanted if code not in known]
    if missing:
        room = max(0, MOST_LEARNED - AcquisitionSource.objects.filter(learned=True).count())
        new = {code: wanted[code] for code in missing[:room]}
        if len(new) < len(missing) and OTHER not in known:
            new[OTHER] = OTHER
        AcquisitionSource.objects.bulk_create(
            [AcquisitionSource(code=code, name=code, kind=kind, learned=True) for code, kind in new.items()],
            ignore_conflicts=True,
        )
        known |= {source.code: source for source in AcquisitionSource.objects.filter(code__in=[*new, OTHER])}
    return known


register_consumer(FindSources())
