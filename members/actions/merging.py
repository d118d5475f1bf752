"""Merging members, and taking it back. A merge is an alias: see ARCHITECTURE.md, *One person, several members*."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from members.actions.consents import recompute_consents
from members.actions.events import emit, mark_dirty
from members.actions.histories import hold_log, recount
from members.actions.identities import claim_addresses, is_visitor
from members.events import MemberMerged, MemberUnmerged
from members.models import Identity, Member, MemberMerge, MemberState, MemberTag, Tag
from members.queries.merging import FIELDS, OTHER, SURVIVOR, differences, history_ids
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.tenancy.context import require_tenant

Changes = dict[str, list[Any]]


class MergeError(ValueError):
    """Two members who cannot be merged, or a merge that cannot be taken back; `field` where the request is wrong."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message, self.field = message, field


def merge_members(
    *,
    survivor: Member,
    other: Member,
    choices: Mapping[str, str] | None = None,
    reason: str = MemberMerge.Reason.MANUAL,
) -> MemberMerge:
    """Make `other` an alias of `survivor`, who gets its whole history, identities, tags and consents.

    The survivor's values stay and its blanks are filled; `choices` (field or `attributes.<name>` → "survivor" or
    "other") overrules. Raises MergeError.
    """
    with transaction.atomic():
        hold_log()
        survivor, other = _locked(survivor, other)
        _refuse_wrong(survivor, other, choices or {})
        merge = MemberMerge(survivor=survivor, other=other, reason=reason, merged_by=current_actor().label)
        merge.changes = {"first_seen_at": [survivor.first_seen_at.isoformat(), None]}
        merge.changes |= _take_values(survivor, other, choices or {})
        merge.tags, merge.state = _take_tags(survivor, other), _suspend_state(other)
        _add_to_state(survivor)
        survivor.first_seen_at = min(survivor.first_seen_at, other.first_seen_at)
        survivor.save()
        merge.save()
        Member.objects.filter(merged_into=other).update(merged_into=survivor)
        Member.objects.filter(pk=other.pk).update(merged_into=survivor, updated_at=timezone.now())
        Identity.objects.filter(member=other).update(member=survivor, logged_as=Coalesce(F("logged_as"), other.pk))
        claim_addresses([survivor.pk])
        recompute_consents(member_id=survivor.pk, holders=history_ids([survivor.pk]))
        recount([survivor.pk, other.pk])
        _finish(merge, MemberMerged(member_id=survivor.pk, other=other.pk, reason=str(reason)), "member.merge")
    return merge


def unmerge_members(*, merge: MemberMerge) -> Member:
    """Give back what the merge brought together; returns the member who lives again. Raises MergeError.

    What was changed on the survivor since stays there. Events go with the identity that they came by.
    """
    with transaction.atomic():
        hold_log()
        survivor, other = _locked(merge.survivor, merge.other)
        merge = MemberMerge.objects.select_for_update().get(pk=merge.pk)
        if merge.unmerged_at is not None:
            raise MergeError(_("This merge was taken back already."))
        if survivor.merged_into_id is not None:
            raise MergeError(
                _("Member #%(survivor)s was itself merged into #%(other)s since. Un-merge that first.")
                % {"survivor": survivor.pk, "other": survivor.merged_into_id}
            )
        if survivor.erased_at or survivor.erasure_requested_at:
            raise MergeError(_("The member was erased: nothing is left to give back."))
        merge.unmerged_at, merge.unmerged_by = timezone.now(), current_actor().label
        merge.save(update_fields=["unmerged_at", "unmerged_by"])
        came_along = _merged_before_into(other)
        Member.objects.filter(pk__in=came_along).update(merged_into=other)
        Member.objects.filter(pk=other.pk).update(merged_into=None, updated_at=timezone.now())
        theirs = Identity.objects.filter(member=survivor, logged_as__in=[other.pk, *came_along])
        theirs.filter(logged_as__in=came_along).update(member=other)
        theirs.filter(logged_as=other.pk).update(member=other, logged_as=None)
        MemberTag.objects.filter(pk__in=merge.tags, member=survivor).update(member=other)
        _restore(merge, survivor)
        survivor.save()
        claim_addresses([survivor.pk, other.pk])
        for member in (survivor, other):
            recompute_consents(member_id=member.pk, holders=history_ids([member.pk]))
        _resume_state(merge, other)
        _add_to_state(survivor, without=Tag.objects.filter(members__in=merge.tags).values_list("pk", flat=True))
        recount([survivor.pk, other.pk])
        _finish(merge, MemberUnmerged(member_id=survivor.pk, other=other.pk), "member.unmerge")
    other.refresh_from_db()
    return other


def _locked(survivor: Member, other: Member) -> tuple[Member, Member]:
    rows = Member.objects.select_for_update().filter(pk__in=[survivor.pk, other.pk]).order_by("pk").in_bulk()
    return rows[survivor.pk], rows[other.pk]


def _refuse_wrong(survivor: Member, other: Member, choices: Mapping[str, str]) -> None:
    if survivor.pk == other.pk:
        raise MergeError(_("These two are the same member already."), "other")
    for member in (survivor, other):
        if member.merged_into_id is not None:
            raise MergeError(_("Member #%(member)s is merged into another one already.") % {"member": member.pk})
        if member.erased_at or member.erasure_requested_at:
            raise MergeError(_("Member #%(member)s is erased or asked for it.") % {"member": member.pk})
    if is_visitor(survivor) and not is_visitor(other):
        raise MergeError(_("An anonymous visitor cannot take in a known member. Merge them the other way round."))
    for field, choice in choices.items():
        if field not in FIELDS and not field.startswith("attributes."):
            raise MergeError(_("Unknown field."), f"choices.{field[:60]}")
        if choice not in {SURVIVOR, OTHER}:
            raise MergeError(_("Must be survivor or other."), f"choices.{field[:60]}")


def _finish(merge: MemberMerge, event: MemberMerged | MemberUnmerged, verb: str) -> None:
    emit([event])
    mark_dirty([merge.survivor_id, merge.other_id])
    if merge.reason == MemberMerge.Reason.MANUAL or merge.unmerged_at:
        record(
            verb=verb,
            target=merge.survivor,
            target_label=f"#{merge.survivor_id}",
            after={"other": merge.other_id, "fields": sorted(merge.changes)},
        )


# Values


def _take_values(survivor: Member, other: Member, choices: Mapping[str, str]) -> Changes:
    changes: Changes = {}
    for difference in differences(survivor, other, choices):
        if difference.taken == OTHER:
            changes[difference.field] = [difference.survivor, difference.other]
            _set(survivor, difference.field, difference.other, source_of=other)
    return changes


def _get(member: Member, key: str) -> Any:
    room, _dot, name = key.partition(".")
    if room == "attributes":
        return member.attributes.get(name)
    value = getattr(member, key)
    return value.isoformat() if isinstance(value, date) else value or None


def _set(member: Member, key: str, value: Any, *, source_of: Member | None = None) -> None:
    """`value` as JSON holds it; None empties. The member itself is not saved. Who wrote an attribute comes with it from
    `source_of`; without, nobody knows any more."""
    room, _dot, name = key.partition(".")
    if room == "attributes":
        rest = {one: known for one, known in member.attributes.items() if one != name}
        member.attributes = rest if value is None else {**rest, name: value}
        sources = {one: known for one, known in (member.attribute_sources or {}).items() if one != name}
        source = (source_of.attribute_sources or {}).get(name) if source_of else None
        member.attribute_sources = ({**sources, name: source} if source else sources) or None
    elif key == "birthday" and value is not None:
        member.birthday = date.fromisoformat(value)
    elif key == "first_seen_at":
        member.first_seen_at = datetime.fromisoformat(value)
    else:
        setattr(member, key, value)


def _restore(merge: MemberMerge, survivor: Member) -> None:
    """Take back what the merge changed. Where a later merge built upon it, that one now remembers what was before; and
    where somebody changed it since, it stays."""
    standing = list(MemberMerge.objects.filter(survivor=survivor, unmerged_at=None).order_by("pk"))
    for key, (before, after) in merge.changes.items():
        later = next((one for one in standing if one.pk > merge.pk and key in one.changes), None)
        if later is not None:
            later.changes[key][0] = before
            later.save(update_fields=["changes"])
        elif key == "first_seen_at" or _get(survivor, key) == after:
            _set(survivor, key, before)
    for one in standing:  # blanks are filled by those who are still merged, as if this one never had been
        filled = _take_values(survivor, one.other, {})
        if filled:
            one.changes |= {key: [one.changes.get(key, change)[0], change[1]] for key, change in filled.items()}
            one.save(update_fields=["changes"])
        survivor.first_seen_at = min(survivor.first_seen_at, one.other.first_seen_at)


# State and tags


def _take_tags(survivor: Member, other: Member) -> list[int]:
    had = MemberTag.objects.filter(member=survivor).values("tag_id")
    coming = list(MemberTag.objects.filter(member=other).exclude(tag_id__in=had).values_list("pk", flat=True))
    MemberTag.objects.filter(pk__in=coming).update(member=survivor)
    return coming


_STATE = ("segment_ids", "tag_ids", "stage_id", "stage_since", "previous_stage_id")


def _suspend_state(other: Member) -> dict[str, Any] | None:
    """Segments, stage and tags of an alias end without a word: nothing happened to the person."""
    row = MemberState.objects.select_for_update().filter(member=other).first()
    if row is None:
        return None
    state = {name: getattr(row, name) for name in _STATE}
    state["stage_since"] = row.stage_since.isoformat() if row.stage_since else None
    row.delete()
    return state


def _resume_state(merge: MemberMerge, other: Member) -> None:
    """As it was, so that looking at the member again tells only of what has changed meanwhile."""
    state = merge.state or {}
    MemberState.objects.filter(member=other).delete()
    manual = Tag.objects.filter(kind=Tag.Kind.MANUAL, pk__in=state.get("tag_ids", [])).values_list("pk", flat=True)
    held = MemberTag.objects.filter(member=other).values_list("tag_id", flat=True)
    tags = sorted((set(state.get("tag_ids", [])) - set(manual)) | set(held))
    since = state.get("stage_since")
    MemberState.objects.create(
        member=other,
        **{name: state[name] for name in ("segment_ids", "stage_id", "previous_stage_id") if name in state},
        stage_since=datetime.fromisoformat(since) if since else None,
        tag_ids=tags,
    )


# The manual tags that a member has stand in its state; it may have none yet.
_ADD = """
INSERT INTO members_memberstate AS s (tenant_id, member_id, segment_ids, tag_ids)
VALUES (%(tenant)s, %(member)s, '{}', %(held)s)
ON CONFLICT (tenant_id, member_id) DO UPDATE SET tag_ids = ARRAY(
    SELECT DISTINCT t FROM unnest(s.tag_ids || %(held)s) t WHERE t <> ALL (%(gone)s) OR t = ANY (%(held)s) ORDER BY t)
"""


def _add_to_state(member: Member, *, without: Iterable[int] = ()) -> None:
    held = sorted(MemberTag.objects.filter(member=member).values_list("tag_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_ADD, {"tenant": require_tenant(), "member": member.pk, "held": held, "gone": list(without)})


def _merged_before_into(other: Member) -> list[int]:
    """Those who became aliases by way of `other`, however deep."""
    found: list[int] = []
    layer = [other.pk]
    while layer:
        standing = MemberMerge.objects.filter(survivor__in=layer, unmerged_at=None)
        layer = list(standing.values_list("other", flat=True))
        found += layer
    return found
