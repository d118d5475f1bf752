"""Keeping segments, rule-driven tags and stages true: for members that something happened to, for those whose time has
come, and for rules that are new."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from segments.actions import passes
from segments.actions.background import note_touched
from segments.actions.locking import lock_states, set_alarm, try_lock_states
from segments.actions.ranks import freeze_ranks
from segments.actions.rulebook import RuleBook, note_problems, read_rules, settle
from segments.models import Change, Segment, Stage, TagRule
from urm.rules import Scope
from urm.rules.sqltext import Sql, param, sql
from urm.rules.workspace import current_names, execute
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake_after_commit

log = structlog.get_logger()

BATCH = 5000


@dataclass(frozen=True)
class Refreshed:
    """`looked_at` is None for the whole workspace. `entered` and `left` count by (kind, id)."""

    looked_at: int | None
    changed: int = 0
    entered: Counter[tuple[str, int]] = field(default_factory=Counter)
    left: Counter[tuple[str, int]] = field(default_factory=Counter)


def refresh_members(*, limit: int = BATCH, as_of: datetime | None = None) -> Refreshed | None:
    """Look again at members that are marked dirty or whose `next_at` has come: at most `limit` of each.

    Entries and exits are written to the history and published, all in one transaction. None when another worker is
    refreshing this workspace."""
    with transaction.atomic():
        if not try_lock_states():
            return None
        moment = as_of or timezone.now()
        looked_at = _take_waiting(moment, limit)
        if not looked_at:
            return Refreshed(0)
        execute(Sql("SET LOCAL jit = off"))
        names = current_names()
        scope = Scope(names.tenant_id, names.time_zone, moment, passes.WANT, aging=True)
        book = read_rules(names, stale=False)
        whole = _is_whole(book)
        if not whole:
            note_touched()
        changed = passes.compute(book, scope, whole=whole)
        result = Refreshed(looked_at, changed)
        if changed:
            passes.write_states(scope, tags=bool(book.tags))
            passes.write_kept_tags(book, scope)
            _count(result, passes.write_history(scope, cause=None))
            if (result.entered or result.left) and passes.publish(scope):
                wake_after_commit("stream")
        set_alarm(names.tenant_id)
    return result


def recompute_segments(*, stale: bool | None = True, as_of: datetime | None = None) -> Refreshed:
    """Compute rules for all members: those that wait for it (`stale=True`), or all (None).

    The history gets its rows, but nothing is published: nothing happened to the members."""
    with transaction.atomic():
        lock_states()
        freeze_ranks(missing_only=True)
        moment, names = as_of or timezone.now(), current_names()
        scope = Scope(names.tenant_id, names.time_zone, moment, aging=True)
        book = read_rules(names, stale=stale)
        note_problems(book)
        result = Refreshed(None)
        if book.segments or book.tags or book.stages or stale is None:
            # A pass over everybody is worth several processes; compiling its many expressions costs more than it saves.
            execute(Sql("SET LOCAL parallel_tuple_cost = 0.01; SET LOCAL jit = off"))
            execute(passes.MAKE_WANT)
            result = Refreshed(None, passes.compute(book, scope, whole=stale is None and _is_whole(book)))
            if result.changed:
                passes.write_states(scope, tags=bool(book.tags))
                passes.write_kept_tags(book, scope)
                _count(result, passes.write_history(scope, cause=Change.Cause.RULE))
        settle(book)
        set_alarm(names.tenant_id)
    return result


def has_stale_rules() -> bool:
    return any(model.objects.filter(stale=True).exists() for model in (Segment, TagRule, Stage))


def _is_whole(book: RuleBook) -> bool:
    """Whether the book holds every rule there is, so that nothing else can have a say in `next_at`."""
    return not book.broken and not book.unmanaged_segments and not has_stale_rules()


def _take_waiting(moment: datetime, limit: int) -> int:
    """Put dirty and due members into segments_want. `event_id` is the event that led here, NULL for something else
    and 0 for time. A dirty mark that another transaction holds stays for the next turn."""
    tenant = Sql(str(require_tenant()))
    execute(passes.MAKE_WANT)
    execute(Sql("DELETE FROM segments_want"))
    taken = execute(sql(
        "WITH taken AS (DELETE FROM members_dirtymember d WHERE d.tenant_id = {} AND d.member_id = ANY (ARRAY("
        f"SELECT member_id FROM members_dirtymember WHERE tenant_id = {{}} LIMIT {int(limit)} FOR UPDATE SKIP LOCKED))"
        " RETURNING d.member_id, d.cause_id) INSERT INTO segments_want SELECT member_id, cause_id FROM taken",
        tenant, tenant,
    ))  # fmt: skip
    taken += execute(sql(
        "INSERT INTO segments_want SELECT s.member_id, 0 FROM members_memberstate s WHERE s.tenant_id = {}"
        " AND s.next_at <= {} AND NOT EXISTS (SELECT FROM segments_want w WHERE w.member_id = s.member_id)"
        f" ORDER BY s.next_at LIMIT {int(limit)}",
        tenant, param(moment),
    ))  # fmt: skip
    if taken:
        execute(Sql("ANALYZE segments_want"))
    return taken


def _count(result: Refreshed, history: list[tuple[str, int, bool, int]]) -> None:
    for kind, target, entered, number in history:
        (result.entered if entered else result.left)[kind, target] += number
