"""What the pages of an import show."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from members.actions.imports.errorfile import reasons
from members.models import Import, ImportRow
from urm.ui.components import Tile
from urm.ui.formats import number

SHOWN = 50


@dataclass(frozen=True)
class ProblemRow:
    number: int
    cells: str
    reasons: str


def tiles_of(job: Import) -> list[Tile]:
    """The rows by what becomes (or became) of them, and what an undo did."""
    labels = {
        "new": (_("New members"), _("Rows about people whom the workspace does not know yet."), "person_add"),
        "changed": (_("Changed members"), _("Rows that say something other than what is known."), "edit"),
        "same": (_("Unchanged"), _("Rows that say what is known already."), "check"),
        "skipped": (_("Left out"), _("Rows that the chosen mode has nothing to do with."), "block"),
        "error": (_("With problems"), _("Rows that cannot be imported, and why; the file lists them all."), "error"),
        "written": (_("Rows written"), _("How far the import came before it ended."), "edit_note"),
    }
    undone = {
        "restored": (_("Restored"), _("Members who have all their earlier values again."), "undo"),
        "removed": (_("Removed"), _("Members whom the import had made."), "person_remove"),
        "changed_since": (
            _("Kept in part"),
            _("Members of whom somebody changed something since; that stayed."),
            "edit",
        ),
        "used_since": (_("Kept"), _("Members made by the import who have been active or changed since."), "person"),
    }
    always = {"new", "changed", "same", "error"}
    tiles = [
        Tile(label=label, value=number(job.counts.get(name, 0)), definition=definition, icon=icon)
        for name, (label, definition, icon) in labels.items()
        if job.counts.get(name) or (name in always and job.counts)
    ]
    after = job.counts.get("undo", {})
    tiles += [
        Tile(label=label, value=number(after[name]), definition=definition, icon=icon)
        for name, (label, definition, icon) in undone.items()
        if name in after
    ]
    return tiles


def error_rows(job: Import) -> list[ProblemRow]:
    rows = ImportRow.objects.filter(import_id=job.pk, outcome=ImportRow.Outcome.ERROR).order_by("id")[:SHOWN]
    return [ProblemRow(row.number, " · ".join(filter(None, row.raw or []))[:200], reasons(row)) for row in rows]
