"""Forgetting a person, and seeing to it that a restored backup forgets them again."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_noop

from members.actions.members import request_erasure
from members.models import Erasure, Member
from members.queries.person import person_of
from urm.audit.actions import record
from urm.jobs.actions import start_job
from urm.jobs.models import Job
from urm.privacy import Person, forget_person
from urm.privacy.searching import searches
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

KIND = "members.erase"
TOGETHER = 20  # one pass over the log serves so many
FEW_WORDS = 20  # with which a slice has its full length

_FOLDER = "erasures"  # beside the files of jobs: a volume or a bucket, not the database


def search_for_pending(job: Job) -> bool:
    """A step of the job that erases: first the large tables, a slice at a time, for all who wait at once; then the
    people, one a step. True while there is more.

    Nothing about anybody but their numbers stands in the job: what to look for is read anew in each step, and when it
    has changed meanwhile (a merge, a late identity) the search begins again.
    """
    position = job.position
    if "members" not in position:
        waiting = Member.objects.filter(erasure_requested_at__isnull=False, erased_at=None)
        ids = waiting.order_by("erasure_requested_at", "pk").values_list("pk", flat=True)
        position.update(members=list(ids[:TOGETHER]), table=0, searched={}, words="")
        job.total = sum(search.size() for search in searches()) + len(position["members"])
    waiting = Member.objects.filter(pk__in=position["members"], erased_at=None).order_by("pk")
    people = {member.pk: person_of(member) for member in waiting}
    if not people:
        return False
    words = _fingerprint(people.values())
    if position["table"] < len(searches()):
        if words != position["words"]:
            position.update(table=0, searched={}, words=words)
            job.done = 0
        search = searches()[position["table"]]
        count = sum(len(person.words) for person in people.values())
        limit = search.slice * FEW_WORDS // max(FEW_WORDS, count)  # a step takes about the same time
        after, rows, more = search.step(list(people.values()), position["searched"].get(search.table), limit)
        position["searched"][search.table] = after
        position["table"] += 0 if more else 1
        job.done += rows
        job.say(gettext_noop("Looking for what others’ data say of them"))
        return True
    for member in waiting[:1]:
        erase_member(member=member, searched=position["searched"])
        job.done += 1
    job.say(gettext_noop("Forgetting them"))
    return len(people) > 1


def _fingerprint(people: Iterable[Person]) -> str:
    """Tells whether the words to look for are the same still. Keyed, so that nobody can try addresses on it."""
    words = sorted(word for person in people for word in person.words)
    return salted_hmac("urm.erasure", "\n".join(words)).hexdigest()


def start_erasures() -> Job | None:
    """The open job that erases whoever waits, started if need be; None when nobody waits.

    After one that failed the next is started an hour later.
    """
    jobs = Job.objects.filter(kind=KIND)
    if (job := jobs.filter(state__in=Job.OPEN).first()) is not None:
        return job
    if not Member.objects.filter(erasure_requested_at__isnull=False, erased_at=None).exists():
        return None
    if jobs.filter(state=Job.State.FAILED, finished_at__gt=timezone.now() - timedelta(hours=1)).exists():
        return None
    return start_job(kind=KIND)


def forget_search(job: Job) -> None:
    """At the end of the job: what it remembered goes; who waits since has the next one."""
    job.position = {}
    wake("erase")


def erase_member(*, member: Member, searched: Mapping[str, Any] | None = None) -> None:
    """Forget everything personal about the member and all who were merged into them, in every table of every app.

    The rows stay without what says who it was, so figures stay as they are; what each table does about it is declared
    in the apps' `privacy.py`. The entry for the file storage is written before the commit: rather one erasure that is
    done again than one that a restored backup knows nothing of. `searched`: how far large tables were searched before.
    """
    with transaction.atomic():
        person = replace(person_of(member), searched=searched or {})
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
