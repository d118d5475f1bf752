"""Forgetting a person, and seeing to it that a restored backup forgets them again."""

import orjson
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone

from members.actions.members import request_erasure
from members.models import Erasure, Member
from members.queries.person import person_of
from urm.audit.actions import record
from urm.privacy import forget_person
from urm.tenancy.context import require_tenant

_FOLDER = "erasures"  # beside the files of jobs: a volume or a bucket, not the database


def erase_member(*, member: Member) -> None:
    """Forget everything personal about the member and all who were merged into them, in every table of every app.

    The rows stay without what says who it was, so figures stay as they are; what each table does about it is declared
    in the apps' `privacy.py`. The entry for the file storage is written before the commit: rather one erasure that is
    done again than one that a restored backup knows nothing of.
    """
    with transaction.atomic():
        person = person_of(member)
        rows = list(Member.objects.select_for_update().filter(pk__in=person.ids).order_by("pk"))
        forget_person(person)
        now = timezone.now()
        Member.objects.filter(pk__in=person.ids).update(erased_at=now)
        for row in rows:
            Erasure.objects.get_or_create(
                member_id=row.pk, defaults={"requested_at": row.erasure_requested_at, "erased_at": now}
            )
            record(verb="member.erase", target=row, target_label=f"#{row.pk}")
        for row in rows:
            _note_outside(row)


def replay_erasures() -> int:
    """After a restore: ask again for the erasure of everybody in the log who is not erased; returns how many.

    Numbers of members may be given again after a restore: an entry counts only for the member of that number who was
    made at the moment it names. Run it before new members come.
    """
    storage, folder = storages["files"], f"{_FOLDER}/{require_tenant()}"
    again = 0
    try:
        names = storage.listdir(folder)[1]
    except FileNotFoundError:
        return 0
    for name in sorted(names):
        with storage.open(f"{folder}/{name}") as file:
            entry = orjson.loads(file.read())
        member = Member.objects.filter(pk=entry["member"], erased_at=None).first()
        if member is not None and member.created_at.isoformat() == entry["created_at"]:
            request_erasure(member=member)
            again += 1
    return again


def _note_outside(member: Member) -> None:
    storage, name = storages["files"], f"{_FOLDER}/{require_tenant()}/{member.pk}.json"
    entry = {"member": member.pk, "created_at": member.created_at.isoformat(), "noted_at": timezone.now().isoformat()}
    if not storage.exists(name):
        storage.save(name, ContentFile(orjson.dumps(entry)))
