"""The audit log keeps numbers and names of fields; what staff wrote in words may still mention somebody."""

from datetime import datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

from urm.privacy import Forget, Person, Table, declare
from urm.privacy.registry import execute
from urm.privacy.retention import Retention, counting, keep_for_a_time


def _forget(person: Person) -> None:
    """Append-only for the application: a function of the owner's blanks, and can do nothing else."""
    execute("SELECT app.blank_audit({members}, {words})", person)


declare(
    Table(
        "audit_auditentry",
        title=_("Changes to your record"),
        rows="target_type = 'members.member' AND target_id = ANY({members}::text[])",
        personal="target_label before after actor_label",
        pseudonymous="id target_id actor_id",
        neutral="tenant_id at actor_kind verb target_type",
        hidden="tenant_id actor_id",
        erase=Forget(_forget),
    )
)


def _remove(before: datetime, limit: int) -> int:
    """By a function of the owner's, which takes nothing that is younger than a year."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app.delete_old_audit(%s, %s)", [before, limit])
        return int(cursor.fetchone()[0])


keep_for_a_time(
    Retention(
        "audit",
        label=_("Audit log"),
        effect=_("Older entries are deleted."),
        count=counting("audit_auditentry", "t.at < %(before)s"),
        remove=_remove,
        least_days=365,
    )
)
