"""What this app shows on the home page: what needs a hand, and what has just happened."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from members.admin.extensions import words_of
from members.models import EventName, Import, InboxEntry, Member, ParkedEvent
from urm.audit.models import AuditEntry
from urm.tenancy.context import require_tenant
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.attention import Concern, concern, concerns
from urm.ui.pages import staff_may
from urm.ui.panels import panel

# Of the newest rows only: a large campaign may have filled the end of the log with the platform's own events.
_NEWEST = """
SELECT member_id, name_id, occurred_at, amount FROM (
    SELECT member_id, name_id, occurred_at, amount, received_at, id FROM members_event
    WHERE tenant_id = %s ORDER BY received_at DESC, id DESC LIMIT 2000) newest
WHERE name_id = ANY (%s) ORDER BY received_at DESC, id DESC LIMIT %s
"""


@concern("workspace.view")
def parked(request: WorkspaceRequest) -> Concern | None:
    count = ParkedEvent.objects.count()
    text = ngettext("event is parked", "events are parked", count)
    return Concern(text, count, reverse("admin:members_parkedevent_changelist")) if count else None


@concern("members.view")
def imports_with_problems(request: WorkspaceRequest) -> Concern | None:
    """Files of the last days of which rows were left out, or that failed."""
    recent = Import.objects.filter(created_at__gt=timezone.now() - timedelta(days=7))
    count = recent.filter(Q(state="failed") | Q(state="done", counts__error__gt=0)).count()
    text = ngettext(
        "import of the last 7 days left out rows with problems",
        "imports of the last 7 days left out rows with problems",
        count,
    )
    return Concern(text, count, reverse("admin:members_import_changelist")) if count else None


@concern("members.view")
def waiting(request: WorkspaceRequest) -> Concern | None:
    """More than a moment's work in the inbox means that no worker is at it."""
    count = InboxEntry.objects.all()[:1001].count()
    return Concern(_("requests wait to be absorbed; is a worker running?"), count, "") if count > 1000 else None


@panel(
    "home",
    title=_("Needs attention"),
    capability="members.view",
    template="ui/attention.html",
    order=15,
    width="half",
)
def needs_attention(request: WorkspaceRequest, _subject: Any) -> dict[str, Any]:
    return {"concerns": concerns(request)}


@panel(
    "home",
    title=_("Recent activity"),
    capability="members.view",
    template="members/panels/activity.html",
    order=16,
    width="half",
)
def recent_activity(request: WorkspaceRequest, _subject: Any) -> dict[str, Any]:
    names = EventName.objects.filter(platform=False).in_bulk()
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [require_tenant(), list(names), 8])
        rows = cursor.fetchall()
    members = Member.objects.in_bulk({row[0] for row in rows})
    events = [
        {"member": members.get(member_id), "words": words_of(names[name_id]), "at": at, "amount": amount}
        for member_id, name_id, at, amount in rows
    ]
    entries = AuditEntry.objects.order_by("-at", "-id")[:5] if staff_may(request, "audit.view") else []
    return {"events": events, "entries": entries}
