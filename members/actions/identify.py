"""Telling who somebody is."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from members.actions.duplicates import note_duplicates
from members.actions.events import emit, mark_dirty
from members.actions.identities import Id, claim_addresses
from members.actions.members import fill_member
from members.actions.recognition import recognise
from members.events import MemberCreated, MemberUpdated
from members.models import Member, ValueSource


def identify_member(*, ids: Sequence[Id], traits: Mapping[str, Any], trusted: bool) -> Member:
    """Say that these ids (kind and normalised value, the most telling first) are one person's.

    Anybody can send a publishable key: untrusted traits only fill a member that this call creates, and traits that
    cannot be taken are left out, since nobody waits for the answer.
    """
    with transaction.atomic():
        member, created = recognise(ids, trusted=trusted)
        if traits and (trusted or created):
            source = ValueSource.IDENTIFY if trusted else ValueSource.SNIPPET
            changed = fill_member(member, traits, source=source)
            claim_addresses([member.pk])
            note_duplicates([member.pk])
            if changed and not created:
                emit([MemberUpdated(member_id=member.pk, fields=tuple(sorted(changed)))])
        if created:
            emit([MemberCreated(member_id=member.pk, source=member.source)])
        mark_dirty([member.pk])
    return member
