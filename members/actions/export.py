"""Handing out everything that is known about one person."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from members.models import Member
from members.queries.person import Section, everything_about
from urm.audit.actions import record
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant


def export_person(*, member: Member) -> list[Section]:
    """Everything about the member and all who were merged into them, in the reader's language; it is audited."""
    with transaction.atomic():
        sections = everything_about(member)
        record(verb="member.export", target=member, target_label=f"#{member.pk}")
    return sections


def as_json(sections: Sequence[Section]) -> dict[str, Any]:
    """For programs: table → rows, by the names of tables and columns."""
    return {section.name: section.rows for section in sections}


def as_html(sections: Sequence[Section]) -> str:
    """For people: one document without anything from outside, in the reader's language."""
    filled = [(section, _cells(section)) for section in sections if section.rows]
    context = {
        "workspace": Tenant.objects.get(pk=require_tenant()).name,
        "sections": filled,
        "language": translation.get_language(),
        "now": timezone.now(),
    }
    return render_to_string("members/export.html", context)


def _cells(section: Section) -> list[list[tuple[str, Any]]]:
    """Rows of (label, value) without what is empty; moments stay as they are stored."""
    return [
        [(section.labels[name], value) for name, value in row.items() if value not in (None, "", [], {})]
        for row in section.rows
    ]
