"""Pairs of members who may be one person."""

from collections.abc import Collection

from django.db import connection, transaction
from django.utils import timezone

from members.models import DuplicateCandidate, Member
from members.models.merge import IdentitySettings
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

# Each is paired with the eldest who shares it: of a thousand with one address that makes a thousand pairs, no million.
_SAME = """
INSERT INTO members_duplicatecandidate (tenant_id, first_id, second_id, reason, found_at, dismissed_by)
SELECT {tenant}, least(m.id, o.id), greatest(m.id, o.id), '{reason}', now(), ''
FROM members_member m CROSS JOIN LATERAL (
    SELECT o.id FROM members_member o WHERE o.tenant_id = {tenant} AND o.id <> m.id AND {same}
      AND o.merged_into_id IS NULL AND o.erased_at IS NULL ORDER BY o.id LIMIT 1
) o
WHERE m.tenant_id = {tenant} AND m.id = ANY (%(members)s) AND m.merged_into_id IS NULL AND m.erased_at IS NULL
ON CONFLICT DO NOTHING
"""

_EVERYBODY = """
INSERT INTO members_duplicatecandidate (tenant_id, first_id, second_id, reason, found_at, dismissed_by)
SELECT {tenant}, eldest, id, '{reason}', now(), '' FROM (
    SELECT id, min(id) OVER (PARTITION BY {columns}) AS eldest FROM members_member
    WHERE tenant_id = {tenant} AND merged_into_id IS NULL AND erased_at IS NULL AND {given}
) m WHERE id <> eldest
ON CONFLICT DO NOTHING
"""

_REASONS = {
    DuplicateCandidate.Reason.EMAIL: ("email",),
    DuplicateCandidate.Reason.PHONE: ("phone",),
    DuplicateCandidate.Reason.NAME: ("birthday", "first_name", "last_name"),
}


def note_duplicates(member_ids: Collection[int]) -> None:
    """Look for others with the same e-mail, phone, or name and birthday as these members."""
    for reason, columns in _REASONS.items():
        same = " AND ".join(f"o.{column} = m.{column}" for column in columns)
        _run(_SAME, reason=reason, same=same, members=sorted(member_ids))


def request_comparison() -> None:
    """Have all members compared with one another by a worker."""
    with transaction.atomic():
        settings = IdentitySettings.objects.select_for_update().first() or IdentitySettings()
        settings.compare_requested_at = timezone.now()
        settings.save()
        transaction.on_commit(lambda: wake("duplicates"))


def compare_if_requested() -> None:
    with transaction.atomic():
        settings = IdentitySettings.objects.select_for_update().filter(compare_requested_at__isnull=False).first()
        if settings is not None:
            find_duplicates()
            IdentitySettings.objects.filter(pk=settings.pk).update(compare_requested_at=None)


def find_duplicates() -> None:
    """Look through the whole workspace, one pass over the members for each reason."""
    for reason, columns in _REASONS.items():
        given = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        _run(_EVERYBODY, reason=reason, columns=", ".join(columns), given=given)


def note_pair(one: Member, other: Member) -> None:
    """Somebody trusted said that these two are one, and the rules do not merge them."""
    first, second = sorted([one, other], key=lambda member: member.pk)
    DuplicateCandidate.objects.get_or_create(
        first=first, second=second, defaults={"reason": DuplicateCandidate.Reason.IDENTITY}
    )


def dismiss_duplicate(*, candidate: DuplicateCandidate) -> None:
    """These are two people: the pair is not shown again."""
    with transaction.atomic():
        undecided = DuplicateCandidate.objects.filter(pk=candidate.pk, dismissed_at=None)
        if undecided.update(dismissed_at=timezone.now(), dismissed_by=current_actor().label):
            pair = {"first": candidate.first_id, "second": candidate.second_id}
            record(verb="duplicate.dismiss", target=candidate, target_label=str(candidate), after=pair)


def change_merge_kinds(*, kinds: Collection[str]) -> IdentitySettings:
    """Say for which kinds of identity two known people who are told to share one are merged without asking."""
    with transaction.atomic():
        settings = IdentitySettings.objects.select_for_update().first() or IdentitySettings()
        before, settings.merge_kinds = settings.merge_kinds, sorted(kinds)
        settings.save()
        record(
            verb="identities.change",
            target=settings,
            before={"merge_kinds": before},
            after={"merge_kinds": settings.merge_kinds},
        )
    return settings


def _run(template: str, *, members: list[int] | None = None, **parts: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(template.format(tenant=require_tenant(), **parts), {"members": members})
