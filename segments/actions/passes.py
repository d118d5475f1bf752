"""The statements of one pass over members: compute all rules, keep what differs, write it, remember it, publish it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from members.facts import state_alias
from segments.actions.rulebook import RuleBook, kept_alias
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
_WORTH_ANALYZING = 5000
_NONE = Sql("'{}'::int[]")
_MAX_ITEMS = 1000  # events in one inbox row


def compute(book: RuleBook, scope: Scope, *, whole: bool, keep_next: bool = False) -> int:
    """Fill the temporary table segments_now with the members for whom anything differs; returns how many.

    `whole`: all rules are computed, so `next_at` is what they say; otherwise it can only come nearer. `keep_next`: one
    that has come is waited for nevertheless, since these members are not looked at because of it."""
    keep_next = keep_next or scope.members is None
    first = replace(scope, settle_later=True)
    execute(Sql("DROP TABLE IF EXISTS segments_now"))
    # CREATE TABLE AS may read in parallel, INSERT … SELECT may not.
    making = Sql("CREATE TEMP TABLE segments_now ON COMMIT DROP AS")
    found = execute(sql("{} {}", making, _differences(book, first, whole=whole, keep_next=keep_next)))
    if found:
        found += _settle_open(book, scope, whole=whole, keep_next=keep_next)
    if found > _WORTH_ANALYZING:
        execute(Sql("ANALYZE segments_now"))
    return found


def _settle_open(book: RuleBook, scope: Scope, *, whole: bool, keep_next: bool) -> int:
    """Look at the members that the first statement left open; returns how many rows that adds."""
    execute(Sql("DROP TABLE IF EXISTS segments_open"))
    making = "CREATE TEMP TABLE segments_open ON COMMIT DROP AS SELECT member_id FROM segments_now WHERE open"
    if not (left := execute(Sql(making))):
        return 0
    execute(Sql("ANALYZE segments_open"))
    execute(Sql("DELETE FROM segments_now WHERE open"))
    only = replace(scope, members=Sql("segments_open"))
    again = _differences(book, only, whole=whole, keep_next=keep_next)
    return execute(sql("INSERT INTO segments_now {}", again)) - left


def _differences(book: RuleBook, scope: Scope, *, whole: bool, keep_next: bool) -> Sql:
    """SELECT of the members for whom anything differs. OFFSET 0 has each expression written, and computed, once."""
    plan = Plan(scope, book.names, book.overrides())
    alive, state = plan.alive(), state_alias(plan)
    held, differ = _segments(book, plan, alive, state)
    tags_on, tags_off = _tags(book, plan, alive, state)
    keep, let_go = _kept_tags(book, plan, alive)
    stage = sql("CASE WHEN {} THEN {} END", alive, book.stage_id(plan, book.stages))
    if not book.stages and not whole:
        stage = Sql(f"{state}.stage_id")
    nodes = [*book.segments.values(), *book.tags.values(), *book.stages.values()]
    next_at = _next_at(plan, nodes, alive)
    if not whole:
        next_at = _not_later(next_at, state, scope, keep_next=keep_next)
    computed = sql(
        "SELECT {} AS member_id, {} AS held, COALESCE({}.segment_ids, '{{}}') AS old_segment_ids, {} AS differ,"
        " {} AS tags_on, {} AS tags_off, {} AS keep, {} AS let_go, {} AS stage_id, {}.stage_id AS old_stage_id,"
        " {} AS next_at, {}.next_at AS old_next_at, {} AS open {} OFFSET 0",
        Sql("m.id" if scope.members is None else "m.wanted_id"), held, Sql(state), differ, tags_on, tags_off, keep,
        let_go, stage,
        Sql(state), next_at, Sql(state), plan.open(), plan.from_clause(),
    )  # fmt: skip
    return sql(
        "SELECT member_id, {} AS segment_ids, old_segment_ids, tags_on, tags_off, keep, let_go, stage_id, old_stage_id,"
        " next_at, open FROM ({}) c WHERE open OR {} OR cardinality(tags_on) > 0 OR cardinality(tags_off) > 0"
        " OR cardinality(keep) > 0 OR cardinality(let_go) > 0"
        " OR stage_id IS DISTINCT FROM old_stage_id OR next_at IS DISTINCT FROM old_next_at",
        _kept(book), computed, Sql("held <> old_segment_ids" if differ is FALSE and book.segments else "differ"),
    )  # fmt: skip


def write_states(scope: Scope, *, tags: bool) -> None:
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
    if not tags:
        return
    execute(sql(
        "UPDATE members_memberstate s SET tag_ids = ARRAY(SELECT DISTINCT t FROM unnest(s.tag_ids || n.tags_on) t"
        " WHERE t <> ALL (n.tags_off) ORDER BY t) FROM segments_now n WHERE s.tenant_id = {}"
        " AND s.member_id = n.member_id AND (cardinality(n.tags_on) > 0 OR cardinality(n.tags_off) > 0)",
        scope.tenant,
    ))  # fmt: skip


def write_kept_tags(book: RuleBook, scope: Scope) -> None:
    """Remember how long tags stay whose rule has ceased to hold, and forget it where it holds again or time is over."""
    if not book.tags:
        return
    execute(sql(
        "DELETE FROM segments_kepttag k USING segments_now n WHERE k.tenant_id = {} AND k.member_id = n.member_id"
        " AND (k.tag_id = ANY (n.let_go) OR k.tag_id = ANY (n.tags_off))",
        scope.tenant,
    ))  # fmt: skip
    execute(sql(
        "INSERT INTO segments_kepttag (tenant_id, member_id, tag_id, until)"
        " SELECT {}, n.member_id, r.tag_id, {} + r.keep_days * interval '1 day'"
        " FROM segments_now n CROSS JOIN unnest(n.keep) t JOIN segments_tagrule r ON r.tenant_id = {} AND r.tag_id = t"
        " ON CONFLICT DO NOTHING",
        scope.tenant, sql("{}::timestamptz", param(scope.as_of)), scope.tenant,
    ))  # fmt: skip


# Every entry and exit of the pass, one row each, for the history and for the events.
_CHANGES = """
CREATE TEMP TABLE segments_change_now ON COMMIT DROP AS
SELECT member_id, 'segment' AS kind, i AS target_id, true AS entered FROM segments_now, unnest(segment_ids) i
WHERE segment_ids <> old_segment_ids AND i <> ALL (old_segment_ids)
UNION ALL SELECT member_id, 'segment', i, false FROM segments_now, unnest(old_segment_ids) i
WHERE segment_ids <> old_segment_ids AND i <> ALL (segment_ids)
UNION ALL SELECT member_id, 'tag', i, true FROM segments_now, unnest(tags_on) i
UNION ALL SELECT member_id, 'tag', i, false FROM segments_now, unnest(tags_off) i
UNION ALL SELECT member_id, 'stage', stage_id, true FROM segments_now
WHERE stage_id IS NOT NULL AND stage_id IS DISTINCT FROM old_stage_id
UNION ALL SELECT member_id, 'stage', old_stage_id, false FROM segments_now
WHERE old_stage_id IS NOT NULL AND stage_id IS DISTINCT FROM old_stage_id
"""


def write_history(scope: Scope, *, cause: str | None) -> list[tuple[str, int, bool, int]]:
    """Remember every entry and exit; returns (kind, target id, entered, how many). Without a fixed `cause`, a member
    in segments_want with an event changed by it, one without by something else or by time."""
    execute(Sql("DROP TABLE IF EXISTS segments_change_now"))
    if not execute(Sql(_CHANGES)):
        return []
    if cause is None:
        source = "LEFT JOIN segments_want w ON w.member_id = c.member_id"
        reason = Sql("CASE WHEN w.event_id = 0 THEN 'time' ELSE 'member' END, nullif(w.event_id, 0)")
    else:
        source, reason = "", sql("{}, NULL::bigint", param(cause))
    execute(sql(
        "INSERT INTO segments_change (tenant_id, member_id, kind, target_id, entered, at, cause, event_id)"
        f" SELECT {{}}, c.member_id, c.kind, c.target_id, c.entered, {{}}, {{}} FROM segments_change_now c {source}"
        " ON CONFLICT DO NOTHING",
        scope.tenant, param(scope.as_of), reason,
    ))  # fmt: skip
    return fetch(Sql("SELECT kind, target_id, entered, count(*) FROM segments_change_now GROUP BY 1, 2, 3"))


def publish(scope: Scope) -> int:
    """Put an event for every entry and exit into the inbox, in the transaction that writes them; returns how many
    inbox rows. The form of an item is that of members.actions.accept_events."""
    tenant = scope.tenant
    return execute(sql(
        "WITH item AS (SELECT c.*, nullif(w.event_id, 0) AS cause FROM segments_change_now c"
        " LEFT JOIN segments_want w ON w.member_id = c.member_id), said AS (SELECT i.member_id,"
        " CASE WHEN i.entered THEN 'urm.segment.entered' ELSE 'urm.segment.left' END AS name,"
        " jsonb_build_object('segment', i.target_id, 'title', g.name, 'cause', i.cause) AS payload"
        " FROM item i JOIN segments_segment g ON g.tenant_id = {} AND g.id = i.target_id WHERE i.kind = 'segment'"
        " UNION ALL SELECT i.member_id, CASE WHEN i.entered THEN 'urm.tag.added' ELSE 'urm.tag.removed' END,"
        " jsonb_build_object('tag', t.name, 'by', 'rule')"
        " FROM item i JOIN members_tag t ON t.tenant_id = {} AND t.id = i.target_id WHERE i.kind = 'tag'"
        " UNION ALL SELECT n.member_id, 'urm.stage.changed',"
        " jsonb_build_object('stage', a.key, 'previous', b.key, 'cause', nullif(w.event_id, 0))"
        " FROM segments_now n LEFT JOIN segments_want w ON w.member_id = n.member_id"
        " LEFT JOIN segments_stage a ON a.tenant_id = {} AND a.id = n.stage_id"
        " LEFT JOIN segments_stage b ON b.tenant_id = {} AND b.id = n.old_stage_id"
        " WHERE n.stage_id IS DISTINCT FROM n.old_stage_id),"
        f" numbered AS (SELECT *, (row_number() OVER (ORDER BY member_id) - 1) / {_MAX_ITEMS} AS part FROM said)"
        " INSERT INTO members_inboxentry (tenant_id, received_at, items, body)"
        " SELECT {}, now(), count(*), jsonb_agg(jsonb_build_object('m', member_id, 'n', name, 't', {}::timestamptz,"
        " 'p', payload, 's', true))::text FROM numbered GROUP BY part ON CONFLICT DO NOTHING",
        tenant, tenant, tenant, tenant, tenant, param(scope.as_of),
    ))  # fmt: skip


def earliest_alarm(tenant_id: int) -> datetime | None:
    """When the first member of the workspace has to be looked at again."""
    ((moment,),) = fetch(
        Sql(f"SELECT min(next_at) FROM members_memberstate WHERE tenant_id = {int(tenant_id)} AND next_at IS NOT NULL")
    )
    return moment  # type: ignore[no-any-return]  # a timestamp or NULL


# Expressions


def _segments(book: RuleBook, plan: Plan, alive: Sql, state: str) -> tuple[Sql, Sql]:
    """The array of those that hold, and whether it differs from what is stored: of all segments that is seen by
    comparing the arrays, of some by asking for each."""
    if not book.segments:
        return _NONE, FALSE
    conditions = {pk: plan.condition(node) for pk, node in book.segments.items()}
    held = sql("CASE WHEN {} THEN {} ELSE {} END", alive, _array(conditions), _NONE)
    if not book.unmanaged_segments:
        return held, FALSE
    differ = [
        sql(f"({{}} AND {{}} IS TRUE) <> COALESCE({pk} = ANY({state}.segment_ids), false)", alive, condition)
        for pk, condition in conditions.items()
    ]
    return held, sql("({})", joined(" OR ", differ))


def _kept(book: RuleBook) -> Sql:
    """The array to store: those that hold and, in ascending order with them, those that this pass does not decide."""
    if not book.segments:
        return Sql("old_segment_ids")
    if not book.unmanaged_segments:
        return Sql("held")
    managed = Sql(f"'{{{','.join(map(str, book.segments))}}}'::int[]")
    return sql(
        "ARRAY(SELECT i FROM unnest(old_segment_ids) i WHERE i <> ALL ({}) UNION SELECT unnest(held) ORDER BY 1)",
        managed,
    )


def _tags(book: RuleBook, plan: Plan, alive: Sql, state: str) -> tuple[Sql, Sql]:
    """Tags to put on and tags to take off."""
    on, off = {}, {}
    for tag_id, node in book.tags.items():
        holds, had = plan.condition(node), Sql(f"COALESCE({tag_id} = ANY({state}.tag_ids), false)")
        on[tag_id] = sql("({} AND {} AND NOT {})", alive, holds, had)
        off[tag_id] = sql("({} AND ({} AND {}) IS NOT TRUE)", had, alive, holds)
    return _array(on), _array(off)


def _kept_tags(book: RuleBook, plan: Plan, alive: Sql) -> tuple[Sql, Sql]:
    """Tags whose days to stay begin, and those that need no more days, because the rule holds again."""
    keep, let_go = {}, {}
    for tag_id, bare in book.kept.items():
        if tag_id in book.tags:
            row, holds = kept_alias(plan, tag_id), plan.condition(bare)
            keep[tag_id] = sql(f"({{}} AND {{}} AND {row}.id IS NULL AND {{}} IS NOT TRUE)",
                               alive, book.had(plan, tag_id), holds)  # fmt: skip
            let_go[tag_id] = sql(f"({row}.id IS NOT NULL AND ({{}} AND {{}}) IS TRUE)", alive, holds)
    return _array(keep), _array(let_go)


def _array(conditions: dict[int, Sql]) -> Sql:
    """The ids whose condition holds, in the order given."""
    if not conditions:
        return _NONE
    cases = [sql(f"CASE WHEN {{}} THEN {pk} END", condition) for pk, condition in conditions.items()]
    return sql("array_remove(ARRAY[{}], NULL)", joined(", ", cases))


def _not_later(next_at: Sql, state: str, scope: Scope, *, keep_next: bool) -> Sql:
    """Rules outside this pass may want an earlier moment. One that has come is over for the members that are looked at
    because of it, but still to be waited for by those that are not."""
    if keep_next:
        return sql(f"LEAST({state}.next_at, {{}})", next_at)
    return sql(f"LEAST(CASE WHEN {state}.next_at > {{}} THEN {state}.next_at END, {{}})", param(scope.as_of), next_at)


def _next_at(plan: Plan, nodes: Sequence[Node], alive: Sql) -> Sql:
    moments = tuple(dict.fromkeys(moment for node in nodes for moment in plan.moments(node)))
    wakes = plan.wakes_at()
    return sql("CASE WHEN {} THEN {} ELSE {} END", alive, earliest(moments + wakes), wakes[0])
