"""Making, changing and removing segments and the static lists among them."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from members.actions import mark_dirty
from members.models import Member
from segments.actions.propositions import save_wording
from segments.actions.saving import checked_rule, mark_stale
from segments.models import Segment, StaticMember
from segments.queries.dependencies import dependents_of
from urm.audit.actions import record, snapshot
from urm.audit.actor import current_actor
from urm.rules.sqltext import Sql
from urm.rules.workspace import current_names, execute
from urm.tenancy.context import require_tenant

_AUDITED = ("name", "description", "kind", "rule", "value_proposition")


class SegmentError(ValueError):
    """What was refused, by field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in fields.items()))
        self.fields = dict(fields)


def create_segment(
    *,
    name: str,
    rule: Mapping[str, Any] | None = None,
    kind: str = Segment.Kind.DYNAMIC,
    description: str = "",
    value_proposition: str = "",
    snapshot_of: int | None = None,
) -> Segment:
    """Save a segment; its members are found in the background. Raises RuleError or SegmentError."""
    if (rule is None) != (kind == Segment.Kind.STATIC):
        raise SegmentError({"rule": _("A dynamic segment has a rule, a static list has none.")})
    with transaction.atomic():
        segment = Segment(
            name=_clean_name(name),
            kind=kind,
            description=description,
            value_proposition=value_proposition,
            snapshot_of=snapshot_of,
        )
        if rule is not None:
            segment.rule = checked_rule(rule, ("segment", None))
        _save(segment)
        if value_proposition:
            save_wording(segment=segment, wording=value_proposition)
        record(verb="segment.create", target=segment, after=snapshot(segment, *_AUDITED))
        mark_stale(("segment", segment.pk))
    return segment


def edit_segment(
    *,
    segment: Segment,
    name: str | None = None,
    rule: Mapping[str, Any] | None = None,
    description: str | None = None,
    value_proposition: str | None = None,
) -> Segment:
    """Change what is given; a new rule is filled in the background, without events. Raises RuleError, SegmentError."""
    if rule is not None and segment.kind == Segment.Kind.STATIC:
        raise SegmentError({"rule": _("A static list has no rule.")})
    with transaction.atomic():
        segment = Segment.objects.select_for_update().get(pk=segment.pk)
        before = snapshot(segment, *_AUDITED)
        new_rule = checked_rule(rule, ("segment", segment.pk)) if rule is not None else segment.rule
        moved = new_rule != segment.rule
        segment.rule = new_rule
        segment.name = segment.name if name is None else _clean_name(name)
        segment.description = segment.description if description is None else description
        segment.value_proposition = segment.value_proposition if value_proposition is None else value_proposition
        _save(segment)
        if value_proposition is not None and value_proposition != before["value_proposition"]:
            save_wording(segment=segment, wording=value_proposition)
        record(verb="segment.update", target=segment, before=before, after=snapshot(segment, *_AUDITED))
        if moved:
            mark_stale(("segment", segment.pk))
    segment.refresh_from_db()
    return segment


def delete_segment(*, segment: Segment) -> None:
    """Remove a segment that no other rule reads; its history stays. Raises SegmentError naming who reads it."""
    with transaction.atomic():
        readers = dependents_of(("segment", segment.pk), current_names())
        if readers:
            raise SegmentError({"segment": _("Still read by: %(readers)s.") % {"readers": _titles(readers)}})
        record(verb="segment.delete", target=segment, before=snapshot(segment, *_AUDITED))
        segment_id = segment.pk
        segment.delete()
        execute(
            Sql(
                f"UPDATE members_memberstate SET segment_ids = array_remove(segment_ids, {int(segment_id)})"
                f" WHERE tenant_id = {require_tenant()} AND segment_ids @> ARRAY[{int(segment_id)}]"
            )
        )


def add_to_list(*, segment: Segment, members: Collection[Member]) -> int:
    """Put members on a static list; returns how many were not on it yet."""
    _refuse_dynamic(segment)
    with transaction.atomic():
        known = set(
            StaticMember.objects.filter(segment=segment, member__in=members).values_list("member_id", flat=True)
        )
        rows = [
            StaticMember(segment=segment, member=member, added_by=current_actor().label)
            for member in members
            if member.pk not in known
        ]
        StaticMember.objects.bulk_create(rows, ignore_conflicts=True)
        mark_dirty([row.member_id for row in rows])
        record(verb="segment.add_members", target=segment, after={"members": len(rows)})
    return len(rows)


def remove_from_list(*, segment: Segment, members: Collection[Member]) -> int:
    """Take members off a static list; returns how many were on it."""
    _refuse_dynamic(segment)
    with transaction.atomic():
        listed = StaticMember.objects.filter(segment=segment, member__in=members)
        ids = list(listed.values_list("member_id", flat=True))
        listed.delete()
        mark_dirty(ids)
        record(verb="segment.remove_members", target=segment, after={"members": len(ids)})
    return len(ids)


def _clean_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= 100 or "\0" in name:
        raise SegmentError({"name": _("Must be a text of 1 to 100 characters.")})
    return name


def _save(segment: Segment) -> None:
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:
        raise SegmentError({"name": _("There is a segment of this name already. Choose another name.")}) from None


def _refuse_dynamic(segment: Segment) -> None:
    if segment.kind != Segment.Kind.STATIC:
        raise SegmentError({"segment": _("Members of this segment follow its rule. Change the rule.")})


def _titles(readers: Collection[tuple[str, Any]]) -> str:
    names = dict(Segment.objects.values_list("id", "name"))
    return ", ".join(
        sorted(names.get(key, "?") if kind == "segment" else str(key or _("stages")) for kind, key in readers)
    )
