"""The statements of one pass over members: compute all rules, keep what differs, write it, remember it, publish it."""

from collections.abc import Sequence
from datetime import datetime

from members.facts import state_alias
from segments.actions.rulebook import RuleBook
from urm.rules import Plan, Scope
from urm.rules.plan import earliest
from urm.rules.sqltext import FALSE, Sql, joined, param, sql
from urm.rules.tree import Node
from urm.rules.workspace import execute, fetch

# Session tables: made once per connection, emptied at every commit.
MAKE_WANT = Sql(
    "CREATE TEMP TABLE IF NOT EXISTS segments_want (member_id bigint, event_id bigint) ON COMMIT DELETE ROWS"
)
WANT = Sql("segments_want")
_MAX_ITEMS = 1000  # events in one inbox row


def compute(book: RuleBook, scope: Scope, *, whole: bool) -> int:
    """Fill the temporary table segments_now with the members for whom anything differs; returns how many.

    `whole`: all rules are computed, so `next_at` is what they say; otherwise it can only come nearer."""
    plan = Plan(scope, book.names, book.overrides())
    alive, state = plan.alive(), state_alias(plan)
    segments, segments_differ = _segments(book, plan, alive, state)
    tags_on, tags_off = _tags(book, plan, alive, state)
    stage = sql("CASE WHEN {} THEN {} END", alive, book.stage_id(plan, book.stages))
    stage_differs = sql(f"{{}} IS DISTINCT FROM {state}.stage_id", stage)
    if not book.stages and not whole:
        stage, stage_differs = Sql(f"{state}.stage_id"), FALSE
    nodes = [*book.segments.values(), *book.tags.values(), *book.stages.values()]
    next_at = _next_at(plan, nodes, alive)
    if not whole:
        next_at = _not_later(next_at, state, scope)
    differs = [
        segments_differ,
        sql("cardinality({}) > 0", tags_on),
        sql("cardinality({}) > 0", tags_off),
        stage_differs,
        sql(f"{{}} IS DISTINCT FROM {state}.next_at", next_at),
    ]
    member_id = Sql("m.id" if scope.members is None else "w.member_id")
    query = sql(
        "SELECT {} AS member_id, {} AS segment_ids, COALESCE({}.segment_ids, '{{}}') AS old_segment_ids,"
        " {} AS tags_on, {} AS tags_off, {} AS stage_id, {}.stage_id AS old_stage_id, {} AS next_at {} AND ({})",
        member_id, segments, Sql(state), tags_on, tags_off, stage, Sql(state), next_at, plan.from_clause(),
        joined(" OR ", differs),
    )  # fmt: skip
    execute(Sql("DROP TABLE IF EXISTS segments_now"))
    # CREATE TABLE AS may read in parallel, INSERT … SELECT may not.
    found = execute(sql("CREATE TEMP TABLE segments_now ON COMMIT DROP AS {}", query))
    if found:
        execute(Sql("ANALYZE segments_now"))
    return found


def write_states(scope: Scope) -> None:
    """Tags are changed by difference: people may put tags on members while this pass runs."""
    execute(sql(
        "INSERT INTO members_memberstate AS s (tenant_id, member_id, segment_ids, tag_ids, stage_id, stage_since,"
        " previous_stage_id, next_at)"
        " SELECT {}, n.member_id, n.segment_ids, n.tags_on, n.stage_id,"
        " CASE WHEN n.stage_id IS NOT NULL THEN {} END, NULL, n.next_at FROM segments_now n"
        " ON CONFLICT (tenant_id, member_id) DO UPDATE SET segment_ids = excluded.segment_ids,"
        " next_at = excluded.next_at, stage_id = excluded.stage_id,"
        " stage_since = CASE WHEN excluded.stage_id IS DISTINCT FROM s.stage_id THEN {} ELSE s.stage_since END,"
        " previous_stage_id = CASE WHEN excluded.stage_id IS DISTINCT FROM s.stage_id THEN s.stage_id"
        " ELSE s.previous_stage_id END",
        scope.tenant, param(scope.as_of), param(scope.as_of),
    ))  # fmt: skip
    execute(sql(
        "UPDATE members_memberstate s SET tag_ids = ARRAY(SELECT DISTINCT t FROM unnest(s.tag_ids || n.tags_on) t"
        " WHERE t <> ALL (n.tags_off) ORDER BY t) FROM segments_now n WHERE s.tenant_id = {}"
        " AND s.member_id = n.member_id AND (cardinality(n.tags_on) > 0 OR cardinality(n.tags_off) > 0)",
        scope.tenant,
    ))  # fmt: skip


_DIFFERENCES = """
SELECT 'segment' AS kind, i AS id, true AS entered FROM unnest(n.segment_ids) i WHERE i <> ALL (n.old_segment_ids)
UNION ALL SELECT 'segment', i, false FROM unnest(n.old_segment_ids) i WHERE i <> ALL (n.segment_ids)
UNION ALL SELECT 'tag', i, true FROM unnest(n.tags_on) i
UNION ALL SELECT 'tag', i, false FROM unnest(n.tags_off) i
UNION ALL SELECT 'stage', n.stage_id, true WHERE n.stage_id IS NOT NULL AND n.stage_id IS DISTINCT FROM n.old_stage_id
UNION ALL SELECT 'stage', n.old_stage_id, false
          WHERE n.old_stage_id IS NOT NULL AND n.stage_id IS DISTINCT FROM n.old_stage_id
"""


def write_history(scope: Scope, *, cause: str | None) -> list[tuple[str, int, bool, int]]:
    """Remember every entry and exit; returns (kind, target id, entered, how many). Without a fixed `cause`, a member
    in segments_want with an event changed by it, one without by something else or by time."""
    if cause is None:
        source = "LEFT JOIN segments_want w ON w.member_id = n.member_id"
        reason = Sql("CASE WHEN w.event_id = 0 THEN 'time' ELSE 'member' END, nullif(w.event_id, 0)")
    else:
        source, reason = "", sql("{}, NULL::bigint", param(cause))
    return fetch(sql(
        "WITH added AS (INSERT INTO segments_change"
        " (tenant_id, member_id, kind, target_id, entered, at, cause, event_id)"
        f" SELECT {{}}, n.member_id, d.kind, d.id, d.entered, {{}}, {{}} FROM segments_now n {source}"
        f" CROSS JOIN LATERAL ({_DIFFERENCES}) d ON CONFLICT DO NOTHING RETURNING kind, target_id, entered)"
        " SELECT kind, target_id, entered, count(*) FROM added GROUP BY 1, 2, 3",
        scope.tenant, param(scope.as_of), reason,
    ))  # fmt: skip


def publish(scope: Scope) -> int:
    """Put an event for every entry and exit into the inbox, in the transaction that writes them; returns how many
    inbox rows. The form of an item is that of members.actions.accept_events."""
    return execute(sql(
        f"WITH item AS (SELECT n.member_id, nullif(w.event_id, 0) AS cause, d.kind, d.id, d.entered,"
        f" n.stage_id, n.old_stage_id FROM segments_now n LEFT JOIN segments_want w ON w.member_id = n.member_id"
        f" CROSS JOIN LATERAL ({_DIFFERENCES}) d),"
        " said AS (SELECT i.member_id,"
            " CASE WHEN i.entered THEN 'urm.segment.entered' ELSE 'urm.segment.left' END AS name,"
        " jsonb_build_object('segment', i.id, 'title', g.name, 'cause', i.cause) AS payload"
        " FROM item i JOIN segments_segment g ON g.tenant_id = {} AND g.id = i.id WHERE i.kind = 'segment'"
        " UNION ALL SELECT i.member_id, CASE WHEN i.entered THEN 'urm.tag.added' ELSE 'urm.tag.removed' END,"
        " jsonb_build_object('tag', t.name, 'by', 'rule')"
        " FROM item i JOIN members_tag t ON t.tenant_id = {} AND t.id = i.id WHERE i.kind = 'tag'"
        " UNION ALL SELECT i.member_id, 'urm.stage.changed',"
        " jsonb_build_object('stage', a.key, 'previous', b.key, 'cause', i.cause)"
        " FROM (SELECT DISTINCT member_id, stage_id, old_stage_id, cause FROM item WHERE kind = 'stage') i"
        " LEFT JOIN segments_stage a ON a.tenant_id = {} AND a.id = i.stage_id"
        " LEFT JOIN segments_stage b ON b.tenant_id = {} AND b.id = i.old_stage_id),"
        f" numbered AS (SELECT *, (row_number() OVER (ORDER BY member_id) - 1) / {_MAX_ITEMS} AS part FROM said)"
        " INSERT INTO members_inboxentry (tenant_id, received_at, items, body)"
        " SELECT {}, now(), count(*), jsonb_agg(jsonb_build_object('m', member_id, 'n', name, 't', {}::timestamptz,"
        " 'p', payload, 's', true))::text FROM numbered GROUP BY part ON CONFLICT DO NOTHING",
        scope.tenant, scope.tenant, scope.tenant, scope.tenant, scope.tenant, param(scope.as_of),
    ))  # fmt: skip


def earliest_alarm(tenant_id: int) -> datetime | None:
    """When the first member of the workspace has to be looked at again."""
    ((moment,),) = fetch(
        Sql(f"SELECT min(next_at) FROM members_memberstate WHERE tenant_id = {int(tenant_id)} AND next_at IS NOT NULL")
    )
    return moment  # type: ignore[no-any-return]  # a timestamp or NULL


# Expressions


def _segments(book: RuleBook, plan: Plan, alive: Sql, state: str) -> tuple[Sql, Sql]:
    """The array to store, and whether it differs from the stored one."""
    if not book.segments:
        return Sql(f"COALESCE({state}.segment_ids, '{{}}')"), FALSE
    conditions = {pk: plan.condition(node) for pk, node in book.segments.items()}
    held = sql("CASE WHEN {} THEN {} ELSE '{{}}'::int[] END", alive, _array(conditions))
    if not book.unmanaged_segments:
        return held, sql(f"{{}} IS DISTINCT FROM COALESCE({state}.segment_ids, '{{{{}}}}')", held)
    managed = Sql(f"'{{{','.join(map(str, conditions))}}}'::int[]")
    merged = sql(
        f"ARRAY(SELECT i FROM unnest({state}.segment_ids) i WHERE i <> ALL ({{}})"
        " UNION SELECT unnest({}) ORDER BY 1)",
        managed, held,
    )  # fmt: skip
    differ = [
        sql(f"({{}} AND {{}} IS TRUE) <> COALESCE({pk} = ANY({state}.segment_ids), false)", alive, condition)
        for pk, condition in conditions.items()
    ]
    return merged, sql("({})", joined(" OR ", differ))


def _tags(book: RuleBook, plan: Plan, alive: Sql, state: str) -> tuple[Sql, Sql]:
    """Tags to put on and tags to take off."""
    on, off = {}, {}
    for tag_id, node in book.tags.items():
        holds, had = plan.condition(node), Sql(f"COALESCE({tag_id} = ANY({state}.tag_ids), false)")
        on[tag_id] = sql("({} AND {} AND NOT {})", alive, holds, had)
        off[tag_id] = sql("({} AND ({} AND {}) IS NOT TRUE)", had, alive, holds)
    return _array(on), _array(off)


def _array(conditions: dict[int, Sql]) -> Sql:
    """The ids whose condition holds, in the order given."""
    if not conditions:
        return Sql("'{}'::int[]")
    cases = [sql(f"CASE WHEN {{}} THEN {pk} END", condition) for pk, condition in conditions.items()]
    return sql("array_remove(ARRAY[{}], NULL)", joined(", ", cases))


def _not_later(next_at: Sql, state: str, scope: Scope) -> Sql:
    """Rules outside this pass may want an earlier moment. One that has come is over for the members that are looked at
    because of it, but still to be waited for by those that are not."""
    if scope.members is None:
        return sql(f"LEAST({state}.next_at, {{}})", next_at)
    return sql(f"LEAST(CASE WHEN {state}.next_at > {{}} THEN {state}.next_at END, {{}})", param(scope.as_of), next_at)


def _next_at(plan: Plan, nodes: Sequence[Node], alive: Sql) -> Sql:
    moments = tuple(dict.fromkeys(moment for node in nodes for moment in plan.moments(node)))
    wakes = plan.wakes_at()
    return sql("CASE WHEN {} THEN {} ELSE {} END", alive, earliest(moments + wakes), wakes[0])
