"""The nightly self-check: what is stored, against a full computation for a sample of members."""

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from segments.actions import passes
from segments.actions.locking import lock_states
from segments.actions.ranks import freeze_ranks
from segments.actions.rulebook import read_rules
from segments.models import SelfCheck
from urm.rules import Scope
from urm.rules.sqltext import Sql, param, sql
from urm.rules.workspace import current_names, execute, fetch
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant
from urm.tenancy.work import wake_after_commit

log = structlog.get_logger()

SAMPLE = 1000
EXAMPLES = 20
HOUR = 3  # in the workspace's time zone
KEPT = 90  # checks


def keep_night() -> bool:
    """Once in a local night: freeze the thresholds of ranks, then check a sample. False: nothing more to do today."""
    if not _is_due():
        return False
    with transaction.atomic():
        lock_states()
        freeze_ranks(missing_only=False)
    check_sample()
    return False


def _is_due() -> bool:
    zone = Tenant.objects.get(pk=require_tenant()).zone
    now = timezone.now().astimezone(zone)
    last = SelfCheck.objects.order_by("-at").values_list("at", flat=True).first()
    return now.hour >= HOUR and (last is None or last.astimezone(zone).date() < now.date())


def check_sample(*, size: int = SAMPLE, as_of: datetime | None = None) -> SelfCheck:
    """Compute all rules that are up to date for a random sample and compare with what is stored. Whoever waits for a
    refresh is left out. Members who differ are noted, marked to be looked at again, and so mended."""
    with transaction.atomic():
        lock_states()
        names, moment = current_names(), as_of or timezone.now()
        scope = Scope(names.tenant_id, names.time_zone, moment, passes.WANT, aging=True)
        looked_at = _take_sample(scope, size)
        execute(Sql("SET LOCAL jit = off"))
        book = read_rules(names, stale=False)
        differing: list[int] = []
        if looked_at and (book.segments or book.tags or book.stages):
            passes.compute(book, scope, whole=False, keep_next=True)
            differing = [member_id for (member_id,) in fetch(_DIFFERING)]
        row = SelfCheck.objects.create(
            at=moment, looked_at=looked_at, drifted=len(differing), examples=differing[:EXAMPLES]
        )
        if differing:
            log.error("segments.drift", looked_at=looked_at, drifted=len(differing))
            _mark_dirty(scope, differing)
        old = SelfCheck.objects.order_by("-at").values_list("pk", flat=True)[KEPT:]
        SelfCheck.objects.filter(pk__in=list(old)).delete()
    return row


# A `next_at` that lies too early only costs a look; one that lies too late would miss a moment.
_DIFFERING = Sql("""
SELECT n.member_id FROM segments_now n LEFT JOIN segments_was w ON w.member_id = n.member_id
WHERE n.segment_ids <> n.old_segment_ids OR cardinality(n.tags_on) > 0 OR cardinality(n.tags_off) > 0
   OR n.stage_id IS DISTINCT FROM n.old_stage_id OR n.next_at < COALESCE(w.next_at, 'infinity')
ORDER BY 1
""")


def _take_sample(scope: Scope, size: int) -> int:
    """Random members into segments_want, without those that are waiting; their `next_at` into segments_was."""
    execute(passes.MAKE_WANT)
    execute(Sql("DELETE FROM segments_want"))
    taken = execute(sql(
        "INSERT INTO segments_want SELECT m.id FROM members_member m WHERE m.tenant_id = {} AND NOT EXISTS"
        " (SELECT FROM members_dirtymember d WHERE d.tenant_id = {} AND d.member_id = m.id) AND NOT EXISTS"
        " (SELECT FROM members_memberstate s WHERE s.tenant_id = {} AND s.member_id = m.id AND s.next_at <= {})"
        f" ORDER BY random() LIMIT {int(size)}",
        scope.tenant, scope.tenant, scope.tenant, param(scope.as_of),
    ))  # fmt: skip
    execute(Sql("ANALYZE segments_want"))
    execute(Sql("DROP TABLE IF EXISTS segments_was"))
    execute(sql(
        "CREATE TEMP TABLE segments_was ON COMMIT DROP AS SELECT s.member_id, s.next_at FROM members_memberstate s"
        " JOIN segments_want w ON w.member_id = s.member_id WHERE s.tenant_id = {}",
        scope.tenant,
    ))  # fmt: skip
    return taken


def _mark_dirty(scope: Scope, member_ids: list[int]) -> None:
    execute(sql(
        "INSERT INTO members_dirtymember (tenant_id, member_id, marked_at)"
        " SELECT {}, unnest({}::bigint[]), now() ON CONFLICT DO NOTHING",
        scope.tenant, param(member_ids),
    ))  # fmt: skip
    wake_after_commit("stream")
