"""The timeline of a member: what happened and why, with links to what it is about; staff's own actions among it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Sum
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from members.admin.extensions import EventWords, words_for, words_of
from members.admin.panels import readable
from members.models import DailyCount, EventName, Member
from members.queries.merging import history_ids
from members.queries.timelines import (
    BEHAVIOUR,
    STAFF,
    TimelineCause,
    TimelineEntry,
    staff_actions,
    timeline,
)
from urm.audit.models import AuditEntry
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.deeds import actor_words, deed_words
from urm.ui.pages import staff_may
from urm.ui.panels import panel

PAGE = 50

KINDS: dict[str, str | Promise] = {
    BEHAVIOUR: _("what the member did"),
    "segment": _("segments"),
    "stage": _("stages"),
    "tag": _("tags"),
    "message": _("messages"),
    "survey": _("surveys"),
    "points": _("points"),
    "tier": _("tiers"),
    "reward": _("rewards"),
    "consent": _("consent"),
    "member": _("profile"),
    STAFF: _("actions of staff"),
}


@dataclass(frozen=True)
class TimelineRow:
    at: datetime
    words: EventWords
    detail: Any = ""
    link: str = ""
    amount: Any = None
    trusted: bool = True
    cause: TimelineCause | None = None
    cause_label: Any = ""
    properties: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Position:
    """Behind which row a page begins: (`at`, `id`) of an event or, with `staff`, of an audit entry.

    Events of a moment stand before staff's actions of the same moment.
    """

    at: datetime
    id: int
    staff: bool

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.id}" + ("~s" if self.staff else "")

    @property
    def for_events(self) -> tuple[datetime, int]:
        return (self.at, 0) if self.staff else (self.at, self.id)

    @property
    def for_staff(self) -> tuple[datetime, int]:
        return (self.at, self.id) if self.staff else (self.at + timedelta(microseconds=1), 0)


@panel("member", title="", capability="members.view", template="members/panels/timeline.html", order=90, width="full")
def member_timeline(request: WorkspaceRequest, member: Member) -> dict[str, Any]:
    names = request.GET.getlist("event")
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    first, last = _day(request.GET.get("from", "")), _day(request.GET.get("to", ""))
    before = _position(request.GET.get("before", ""))
    zone = request.workspace.zone
    period = {
        "start": datetime.combine(first, time(), zone) if first else None,
        "end": datetime.combine(last + timedelta(days=1), time(), zone) if last else None,
    }
    entries: list[TimelineEntry] = []
    if kind != STAFF:
        entries = timeline(
            member,
            before=before.for_events if before else None,
            names=names or None,
            kinds=[kind] if kind else None,
            limit=PAGE + 1,
            **period,
        )
    audited: list[AuditEntry] = []
    if kind in ("", STAFF) and not names and staff_may(request, "audit.view"):
        audited = staff_actions(member, before=before.for_staff if before else None, limit=PAGE + 1, **period)
    counts, called = _names(member)
    rows = _merged(request, member, entries, audited, called)
    shown = rows[:PAGE]
    address = reverse("admin:members_member_change", args=[member.pk])
    query = [("event", name) for name in names]
    query += [
        (name, value) for name, value in (("kind", kind), ("from", str(first or "")), ("to", str(last or ""))) if value
    ]
    more = [*query, ("before", str(shown[-1][0]))] if len(rows) > PAGE else []
    return {
        "rows": [row for _position, row in shown],
        "names": [(name, called[name].label, count, name in names) for name, count in counts.items()],
        "kinds": KINDS,
        "kind": kind,
        "first": first,
        "last": last,
        "filtered": bool(query),
        "earlier": f"{address}?{urlencode(more)}#timeline" if more else "",
        "newest": f"{address}?{urlencode(query)}#timeline" if before else "",
        "member": member,
        "address": address,
        "export": f"{reverse('admin:export')}?what=events&member={member.pk}"
        if staff_may(request, "members.export")
        else "",
    }


def _merged(
    request: WorkspaceRequest,
    member: Member,
    entries: Sequence[TimelineEntry],
    audited: Sequence[AuditEntry],
    called: Mapping[str, EventWords],
) -> list[tuple[Position, TimelineRow]]:
    """Both in one order, newest first; what lies beyond the page of either is cut off by the caller's PAGE."""
    rows = [(Position(one.occurred_at, one.id, False), _event_row(request, member, one, called)) for one in entries]
    rows += [(Position(one.at, one.pk, True), _staff_row(one)) for one in audited]
    return sorted(rows, key=lambda row: (row[0].at, not row[0].staff, row[0].id), reverse=True)


def _event_row(
    request: WorkspaceRequest, member: Member, entry: TimelineEntry, called: Mapping[str, EventWords]
) -> TimelineRow:
    words = called.get(entry.name) or words_for(entry.name)
    link = ""
    if words.link and (not words.capability or staff_may(request, words.capability)):
        link = words.link(entry.properties, member)
    return TimelineRow(
        at=entry.occurred_at,
        words=words,
        detail=words.detail(entry.properties) if words.detail else "",
        link=link,
        amount=entry.amount,
        trusted=entry.trusted,
        cause=entry.cause,
        cause_label=words_for(entry.cause.name).label if entry.cause else "",
        properties=[]
        if words.detail
        else [(name, readable(value)) for name, value in entry.properties.items() if name != "cause"],
    )


def _staff_row(entry: AuditEntry) -> TimelineRow:
    return TimelineRow(
        at=entry.at,
        words=EventWords(_("Action of staff"), "badge"),
        detail=f"{deed_words(entry.verb)} · {actor_words(entry.actor_label)}",
        link=reverse("admin:audit_auditentry_change", args=[entry.pk]),
    )


def _names(member: Member) -> tuple[dict[str, int], dict[str, EventWords]]:
    """How often which event came to the member, and what each is called; by name."""
    counts: dict[int, int] = {
        row["name_id"]: row["n"]
        for row in DailyCount.objects.filter(member_id__in=history_ids([member.pk]))
        .values("name_id")
        .annotate(n=Sum("count"))
    }
    events = list(EventName.objects.filter(id__in=counts).order_by("name"))
    return {one.name: counts[one.pk] for one in events}, {one.name: words_of(one) for one in events}


def _position(text: str) -> Position | None:
    """As the link to earlier events says it; anything else is the newest page."""
    moment, _tilde, rest = text.partition("~")
    number, _tilde, staff = rest.partition("~")
    try:
        at = parse_datetime(moment)
    except ValueError:
        return None
    if not (at and at.tzinfo and number.isascii() and number.isdigit() and len(number) < 19 and staff in ("", "s")):
        return None
    return Position(at, int(number), staff == "s") if 1900 < at.year < 3000 else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 < day.year < 3000 else None
