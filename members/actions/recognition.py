"""Recognising people: which member an id means, and what to do when several ids turn out to mean several."""

from collections.abc import Collection, Sequence

from django.db import transaction

from members.actions.duplicates import note_pair
from members.actions.identities import Id, is_visitor, link_ids, owners
from members.actions.merging import merge_members
from members.models import Identity, Member, MemberMerge
from members.queries.merging import merge_kinds

Kind = Identity.Kind


class IdTakenError(ValueError):
    """An id that belongs to another known member, and the workspace's rules do not merge the two for it."""

    def __init__(self, kind: str, member: Member) -> None:
        super().__init__(kind)
        self.kind, self.member = kind, member


def take_ids(member: Member, ids: Collection[Id], *, shared: Collection[Id] = ()) -> Member:
    """Make ids that a trusted source gave this member's own; returns the member as it is then.

    A visitor who has one of them turns out to be the member; a known member is merged in when the kind is among those
    that merge, and otherwise IdTakenError is raised. `shared` ids may stay with somebody else.
    """
    kinds = merge_kinds()
    held = owners([*ids, *shared])
    for one, other in held.items():
        if other.pk == member.pk:
            continue
        other.refresh_from_db(fields=["merged_into"])
        if other.merged_into_id is not None:
            continue  # merged in for an id before this one
        if is_visitor(other):
            merge_members(survivor=member, other=other, reason=MemberMerge.Reason.VISITOR)
        elif one[0] in kinds:
            merge_members(survivor=member, other=other, reason=MemberMerge.Reason.IDENTITY)
        elif one in ids:
            raise IdTakenError(one[0], other)
    link_ids(member, ids)
    if held:
        member.refresh_from_db()
    return member


def recognise(ids: Sequence[Id], *, trusted: bool) -> tuple[Member, bool]:
    """The member whom these ids mean, the first of them above all, and whether nobody knew that member before.

    Visitors among the others become the member: their history comes along. Two known people are only ever merged on
    the word of a trusted sender, and for an id of a kind that merges; else they become possible duplicates.
    """
    with transaction.atomic():
        held = owners(ids)
        main = held.get(ids[0])
        created = main is None
        if main is None:
            main = _newcomer(ids[0], list(held.values()), trusted=trusted)
        kinds = merge_kinds() if trusted and len(held) > 1 else []
        for one, other in held.items():
            if other.pk == main.pk:
                continue
            other.refresh_from_db(fields=["merged_into"])
            if other.merged_into_id is not None:
                continue
            if is_visitor(other):
                merge_members(survivor=main, other=other, reason=MemberMerge.Reason.VISITOR)
            elif one[0] in kinds:
                merge_members(survivor=main, other=other, reason=MemberMerge.Reason.IDENTITY)
            elif trusted:
                note_pair(main, other)
        link_ids(main, ids)
        main.refresh_from_db()
    return main, created


def _newcomer(main: Id, others: list[Member], *, trusted: bool) -> Member:
    """Somebody whom one of the other ids means but who has no external id yet, or a new member."""
    kind, value = main
    for other in others:
        if other.external_id is None and (is_visitor(other) or (trusted and kind == Kind.EXTERNAL_ID)):
            found = other
            break
    else:
        found = Member(**({kind: value} if kind in {Kind.EMAIL, Kind.PHONE} else {}))
    if kind == Kind.EXTERNAL_ID:
        found.external_id = value
    found.save()
    Identity.objects.create(member=found, kind=kind, value=value, from_profile=kind in {Kind.EMAIL, Kind.PHONE})
    return found
