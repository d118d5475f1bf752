"""New rules in a large workspace: computed slice by slice as a job. What held before stands until all is known; then
everything takes effect in one transaction.

Members go on changing meanwhile. Their refresh decides only by the rules that are up to date, and notes them as
touched; at the end those are computed once more, so the result is that of the last moment."""

import hashlib
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from segments.actions import passes
from segments.actions.locking import lock_states, set_alarm
from segments.actions.ranks import freeze_ranks
from segments.actions.rulebook import RuleBook, note_problems, read_rules, settle
from segments.models import Change, PendingState, Segment, Stage, TagRule, TouchedMember
from segments.queries.checks import RECOMPUTE
from urm.jobs.actions import start_job
from urm.jobs.models import Job
from urm.rules import Scope
from urm.rules.sqltext import Sql, param, sql
from urm.rules.workspace import current_names, execute, fetch
from urm.tenancy.context import require_tenant

KIND = RECOMPUTE
SLICE = 20_000


def is_large() -> bool:
    """Whether computing a rule for all members takes so long that people want to see how far it is."""
    ((many,),) = fetch(Sql(
        f"SELECT count(*) FROM (SELECT FROM members_member WHERE tenant_id = {require_tenant()} LIMIT {SLICE + 1}) m"
    ))  # fmt: skip
    return bool(many > SLICE)


def current_job() -> Job | None:
    """The job that computes what is stale now: open, or the last one when it was cancelled or failed before the end."""
    job = Job.objects.filter(kind=KIND).order_by("-pk").first()
    if job is None or job.is_open:
        return job
    ended_early = job.state != Job.State.DONE and job.position.get("signature") == _signature()
    return job if ended_early else None


def start_recompute(*, again: bool = False) -> Job | None:
    """Start the job unless it runs already; one that was cancelled is started only when asked for (`again`)."""
    with transaction.atomic():
        lock_states()  # two starters, and refreshes that do not know of the job yet
        job = current_job()
        if job is not None and (job.is_open or not again):
            return job if job.is_open else None
        if not (signature := _signature()):
            return None
        ((total,),) = fetch(Sql(f"SELECT count(*) FROM members_member WHERE tenant_id = {require_tenant()}"))
        return start_job(kind=KIND, parameters={"signature": signature}, total=total)


def recompute_slice(job: Job) -> bool:
    """One slice, or the end: see urm.jobs for what a step is."""
    signature = _signature()
    if job.position.get("signature") != signature:
        # The first step; or somebody edited a rule meanwhile, and all begins anew.
        lock_states()
        forget(job)
        freeze_ranks(missing_only=True)
        job.position, job.done = {"signature": signature, "after": 0}, 0
    if not signature:
        return False
    names = current_names()
    scope = Scope(names.tenant_id, names.time_zone, timezone.now(), passes.WANT, aging=True)
    book = read_rules(names, stale=True)
    execute(Sql("SET LOCAL jit = off"))
    taken = _take_slice(int(job.position["after"]))
    if not taken:
        _take_effect(book, scope)
        return False
    passes.compute(book, scope, whole=False, keep_next=True)
    execute(sql(
        "INSERT INTO segments_pendingstate (tenant_id, member_id, segment_ids, tags_on, tags_off, stage_id, next_at)"
        " SELECT {}, member_id, segment_ids, tags_on, tags_off, stage_id, next_at FROM segments_now"
        " ON CONFLICT DO NOTHING",
        scope.tenant,
    ))  # fmt: skip
    job.position["after"], job.done = taken[1], job.done + taken[0]
    job.say(gettext_noop("%(done)s members computed; what held before stands until all are."), done=job.done)
    return True


def forget(job: Job) -> None:
    """What was found so far is dropped: the job ended or begins anew."""
    PendingState.objects.all().delete()
    TouchedMember.objects.all().delete()


def note_touched() -> None:
    """Note the members of a refresh (in segments_want) if new rules are being computed."""
    if Job.objects.filter(kind=KIND, state__in=Job.OPEN).exists():
        execute(sql(
            "INSERT INTO segments_touchedmember (tenant_id, member_id) SELECT {}, member_id FROM segments_want"
            " ON CONFLICT DO NOTHING",
            Sql(str(require_tenant())),
        ))  # fmt: skip


def _signature() -> str:
    """Of the rules that wait to be computed; empty when there are none."""
    waiting: list[tuple[str, int, Any]] = []
    for model in (Segment, TagRule, Stage):
        rows = model.objects.filter(stale=True).order_by("pk").values_list("pk", "rule")
        waiting += [(model.__name__, pk, rule) for pk, rule in rows]
    return hashlib.sha256(orjson.dumps(waiting)).hexdigest() if waiting else ""


def _take_slice(after: int) -> tuple[int, int] | None:
    """Put the next members by id into segments_want: how many, and the last id."""
    execute(passes.MAKE_WANT)
    execute(Sql("DELETE FROM segments_want"))
    taken = execute(sql(
        f"INSERT INTO segments_want SELECT id FROM members_member WHERE tenant_id = {{}} AND id > {int(after)}"
        f" ORDER BY id LIMIT {SLICE}",
        Sql(str(require_tenant())),
    ))  # fmt: skip
    if not taken:
        return None
    execute(Sql("ANALYZE segments_want"))
    ((last,),) = fetch(Sql("SELECT max(member_id) FROM segments_want"))
    return taken, last


def _take_effect(book: RuleBook, scope: Scope) -> None:
    """All slices are done: compute once more who was touched or whose time has come, and write everything."""
    lock_states()
    execute(Sql("DELETE FROM segments_want"))
    execute(sql(
        "INSERT INTO segments_want SELECT member_id FROM segments_touchedmember WHERE tenant_id = {}"
        " UNION SELECT member_id FROM segments_pendingstate WHERE tenant_id = {} AND next_at <= {}",
        scope.tenant, scope.tenant, param(scope.as_of),
    ))  # fmt: skip
    execute(Sql("ANALYZE segments_want"))
    passes.compute(book, scope, whole=False, keep_next=True)
    managed = Sql(f"'{{{','.join(map(str, book.segments))}}}'::int[]")
    stage = Sql("p.stage_id" if book.stages else "s.stage_id")
    execute(sql(
        "INSERT INTO segments_now (member_id, segment_ids, old_segment_ids, tags_on, tags_off, keep, let_go, stage_id,"
        " old_stage_id, next_at, open)"
        " SELECT p.member_id, ARRAY(SELECT i FROM unnest(s.segment_ids) i WHERE i <> ALL ({})"
        " UNION SELECT i FROM unnest(p.segment_ids) i WHERE i = ANY ({}) ORDER BY 1),"
        " COALESCE(s.segment_ids, '{{}}'), p.tags_on, p.tags_off, '{{}}', '{{}}', {}, s.stage_id,"
        " LEAST(s.next_at, p.next_at), false FROM segments_pendingstate p"
        " JOIN members_member m ON m.tenant_id = {} AND m.id = p.member_id"
        " LEFT JOIN members_memberstate s ON s.tenant_id = {} AND s.member_id = p.member_id"
        " WHERE p.tenant_id = {} AND NOT EXISTS (SELECT FROM segments_want w WHERE w.member_id = p.member_id)",
        managed, managed, stage, scope.tenant, scope.tenant, scope.tenant,
    ))  # fmt: skip
    execute(Sql("ANALYZE segments_now"))
    note_problems(book)
    passes.write_states(scope, tags=bool(book.tags))
    passes.write_kept_tags(book, scope)
    passes.write_history(scope, cause=Change.Cause.RULE)
    settle(book)
    set_alarm(scope.tenant_id)
