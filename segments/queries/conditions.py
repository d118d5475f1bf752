"""A rule taken apart: how many members each of its conditions lets through, all counted in one pass."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import get_language

from urm.rules import Scope, check, compile_rules, words
from urm.rules.sqltext import joined, sql
from urm.rules.tree import AllOf
from urm.rules.workspace import current_names, fetch
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant


@dataclass(frozen=True, slots=True)
class ConditionCount:
    """`alone` meet this condition, `together` this one and all before it."""

    words: str
    alone: int
    together: int


def condition_counts(rule: Mapping[str, Any]) -> tuple[int, list[ConditionCount]]:
    """All live members, and the parts of an outermost “all” in order; a rule of another form is one part.

    Raises RuleError.
    """
    names = current_names()
    node = check(rule, names).node
    parts = list(node.rules) if isinstance(node, AllOf) and node.rules else [node]
    compiled = compile_rules(parts, names, Scope(names.tenant_id, names.time_zone, timezone.now()))
    columns = [sql("count(*)")]
    for index, condition in enumerate(compiled.conditions):
        columns.append(sql("count(*) FILTER (WHERE {})", condition))
        columns.append(sql("count(*) FILTER (WHERE {})", joined(" AND ", compiled.conditions[: index + 1])))
    statement = sql("SELECT {} {} AND {}", joined(", ", columns), compiled.from_clause, compiled.alive)
    ((everybody, *counts),) = fetch(statement)
    language = get_language() or "en"
    return everybody, [
        ConditionCount(words(part, language, names), counts[2 * index], counts[2 * index + 1])
        for index, part in enumerate(parts)
    ]


def trends(sizes: Mapping[int, int], segment_ids: Iterable[int], days: int = 30) -> dict[int, list[int]]:
    """Per segment its size at the end of each of the last local days, the present one last: one query for all."""
    zone = Tenant.objects.get(pk=require_tenant()).time_zone
    ids = list(segment_ids)
    today = timezone.now().astimezone(Tenant(time_zone=zone).zone).date()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT target_id, (at AT TIME ZONE %s)::date, sum(CASE WHEN entered THEN 1 ELSE -1 END)::int "
            "FROM segments_change WHERE tenant_id = %s AND kind = 'segment' AND target_id = ANY (%s) AND at >= %s "
            "GROUP BY 1, 2",
            [zone, require_tenant(), ids, timezone.now() - timedelta(days=days + 1)],
        )
        moved: dict[tuple[int, date], int] = {(target, day): change for target, day, change in cursor.fetchall()}
    found = {}
    for segment_id in ids:
        size, line = sizes.get(segment_id, 0), []
        for back in range(days):
            line.append(size)
            size -= moved.get((segment_id, today - timedelta(days=back)), 0)
        found[segment_id] = line[::-1]
    return found


def stage_sizes() -> dict[int | None, int]:
    """How many live members each stage has now, by stage id; None for those in no stage."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.stage_id, count(*) FROM members_memberstate s JOIN members_member m "
            "ON m.tenant_id = s.tenant_id AND m.id = s.member_id "
            "WHERE s.tenant_id = %s AND m.tenant_id = %s AND m.merged_into_id IS NULL AND m.erased_at IS NULL "
            "GROUP BY 1",
            [require_tenant(), require_tenant()],
        )
        return dict(cursor.fetchall())
