"""The audit log as a file."""

from collections.abc import Sequence

import orjson
from django.utils.translation import gettext_lazy as _

from urm.audit.models import AuditEntry
from urm.jobs.admin.exports import export_of_list

HEADER = ["at", "actor_kind", "actor", "action", "target_type", "target_id", "target", "before", "after"]


def _rows(entries: Sequence[AuditEntry]) -> list[list[object]]:
    return [
        [
            entry.at.isoformat(),
            entry.actor_kind,
            entry.actor_label,
            entry.verb,
            entry.target_type,
            entry.target_id,
            entry.target_label,
            orjson.dumps(entry.before).decode(),
            orjson.dumps(entry.after).decode(),
        ]
        for entry in entries
    ]


export_of_list(
    AuditEntry,
    name="audit",
    label=_("Audit log"),
    capability="audit.view",
    header=lambda: list(HEADER),
    rows=_rows,
)
