"""Thresholds of ranks, frozen each night: between two nights a rank is a plain comparison, member by member."""

from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from members.facts import TABLES
from segments.actions.rulebook import read_rules
from segments.models import RankThreshold
from urm.rules import Names, Scope
from urm.rules.rank import moved_sql, ranked_terms, threshold_sql
from urm.rules.sqltext import Sql, sql
from urm.rules.workspace import current_names, execute, fetch
from urm.tenancy.work import wake_after_commit


def freeze_ranks(*, missing_only: bool, as_of: datetime | None = None) -> int:
    """Freeze the thresholds that rules ask for: those not frozen yet, or all anew; returns how many members have to be
    looked at again. To be called in a transaction that holds the lock of the refresh."""
    names = current_names()
    book = read_rules(names, stale=None)
    wanted = ranked_terms([*book.segments.values(), *book.tags.values(), *book.stages.values()])
    if missing_only and not wanted:
        return 0
    known = {row.key: row for row in RankThreshold.objects.all()}
    moved = 0
    scope = Scope(names.tenant_id, names.time_zone, as_of or timezone.now())
    for key, terms in wanted.items():
        row = known.get(key)
        if row is not None and missing_only:
            continue
        found = fetch(threshold_sql(TABLES, terms, names, scope))
        threshold = found[0][0] if found else None
        if row is None:
            RankThreshold.objects.create(key=key, threshold=threshold, frozen_at=scope.as_of)
            continue
        if row.threshold != threshold:
            between = moved_sql(TABLES, terms, names, scope, old=row.threshold, new=threshold)
            moved += _mark_dirty(between, names)
        RankThreshold.objects.filter(pk=row.pk).update(threshold=threshold, frozen_at=scope.as_of)
    if not missing_only:
        RankThreshold.objects.filter(~Q(key__in=wanted)).delete()
    if moved:
        wake_after_commit("stream")
    return moved


def _mark_dirty(members: Sql, names: Names) -> int:
    """With cause 0: what moved them is the night, not something that happened to them."""
    return execute(sql(
        "INSERT INTO members_dirtymember (tenant_id, member_id, marked_at, cause_id)"
        " SELECT {}, i.id, now(), 0 FROM ({}) i ORDER BY i.id"
        " ON CONFLICT (tenant_id, member_id) DO UPDATE SET marked_at = excluded.marked_at",
        Sql(str(names.tenant_id)), members,
    ))  # fmt: skip
