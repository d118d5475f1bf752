"""How long files, contents of events and inactive members stay."""

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models import Import
from urm.jobs.files import delete_content
from urm.jobs.models import File
from urm.privacy.retention import Retention, counting, keep_for_a_time, running


def _old_imports(before: datetime) -> Any:
    """Finished imports that still have a file, a list of problems, or rows for an undo."""
    files = File.objects.values("pk")
    return Import.objects.filter(
        Q(file_id__in=files) | Q(error_file_id__in=files) | Q(undo_until__gt=timezone.now()),
        created_at__lt=before,
        state__in=("done", "failed", "cancelled", "undone"),
    )


def _let_imports_go(before: datetime, limit: int) -> int:
    """The rows go by the nightly round of imports that cannot be undone any more."""
    old = list(_old_imports(before).order_by("pk")[:limit])
    for job in old:
        for file in File.objects.filter(pk__in=[pk for pk in (job.file_id, job.error_file_id) if pk]):
            delete_content(file)
        Import.objects.filter(pk=job.pk, undo_until__gt=timezone.now()).update(undo_until=timezone.now())
    return len(old)


keep_for_a_time(
    Retention(
        "import_files",
        label=_("Files of imports"),
        effect=_("Uploaded files, their lists of problems and the way back. Without a period they go after 30 days."),
        count=lambda before: _old_imports(before).count(),
        remove=_let_imports_go,
        least_days=1,
    )
)

_LAST_SEEN = """
t.erased_at IS NULL AND t.erasure_requested_at IS NULL AND t.merged_into_id IS NULL AND t.updated_at < %(before)s
AND t.first_seen_at < %(before)s AND NOT EXISTS (
    SELECT FROM members_daily d JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id
    WHERE d.tenant_id = {tenant} AND d.member_id = t.id AND d.last_at >= %(before)s AND NOT n.platform)
"""

keep_for_a_time(
    Retention(
        "events",
        label=_("Contents of events"),
        effect=_("The properties of older events are emptied. That they happened, when, and their amounts stay."),
        count=counting("members_event", "t.occurred_at < %(before)s AND t.properties <> '{{}}'"),
        remove=running(
            "UPDATE members_event SET properties = '{{}}' WHERE tenant_id = {tenant} AND (received_at, id) IN ("
            "SELECT received_at, id FROM members_event WHERE tenant_id = {tenant} AND occurred_at < %(before)s "
            "AND properties <> '{{}}' LIMIT %(limit)s)"
        ),
    )
)
keep_for_a_time(
    Retention(
        "inactive_members",
        label=_("Inactive members"),
        effect=_("Members who did nothing for so long, and whose profile nobody changed, are erased."),
        count=counting("members_member", _LAST_SEEN),
        remove=running(
            "UPDATE members_member SET erasure_requested_at = now() WHERE tenant_id = {tenant} AND id IN ("
            f"SELECT t.id FROM members_member t WHERE t.tenant_id = {{tenant}} AND {_LAST_SEEN} "
            "ORDER BY t.id LIMIT %(limit)s)"
        ),
        least_days=180,
    )
)
