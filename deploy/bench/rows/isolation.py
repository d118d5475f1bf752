"""Row 5: what the policies cost. The same statements as the application role, whom row-level security binds, and as the
owner of tables from which FORCE was lifted for the while, whom it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from django.db import connection, connections, transaction

from deploy.bench.table import BackendClock, Context, Row, measures
from members.models import DailyCount, Identity, Member, MemberState
from members.queries import in_segment, live_members, member_by_identity, search_members, timeline
from urm.tenancy.context import tenant_context

Statement = tuple[str, Any]
AT_LEAST = 0.03  # seconds that one measurement of a query takes


def _hot_queries(members: int) -> dict[str, Callable[[], object]]:
    """What pages, the API and workers ask all the time. Each is given a member in the middle of the workspace."""
    external_id = f"c-{members // 3}"
    member = Member.objects.get(external_id=external_id)
    newest = live_members().order_by("-created_at", "-id")
    return {
        "member by id": lambda: member_by_identity(external_id),
        "members, first page": lambda: list(newest[:50]),
        "search by name": lambda: list(search_members("lovelace").order_by("-created_at", "-id")[:50]),
        "search by external id": lambda: list(search_members(external_id)[:50]),
        "search by two Chinese characters": lambda: list(search_members("王小")[:50]),
        "timeline": lambda: timeline(member),
        "members of a segment": lambda: list(in_segment(1, newest)[:50]),
        "count of a segment": lambda: MemberState.objects.filter(segment_ids__contains=[1]).count(),
        "members by a tag": lambda: list(MemberState.objects.filter(tag_ids__contains=[1]).order_by("pk")[:50]),
        "members by an attribute": lambda: Member.objects.filter(attributes__contains={"plan": "pro"}).count(),
        "days of a member": lambda: list(DailyCount.objects.filter(member_id=member.pk)),
        "purchases of the last month": lambda: DailyCount.objects.filter(
            name_id=1, day__gte="2020-01-01", amount_sum__gte=100
        ).count(),
        "identity": lambda: list(Identity.objects.filter(member=member)),
    }


@measures("5")
def isolation(context: Context) -> Row:
    tenant = context.medium
    with tenant_context(tenant.id):
        statements = {name: _statements(ask) for name, ask in _hot_queries(tenant.members).items()}
        ratios = {}
        with connections["owner"].cursor() as owner:
            owner.execute(_BARE)
        with _owner_unbound(), transaction.atomic(), transaction.atomic(using="owner"):
            for one in (connection, connections["owner"]):
                one.tell_tenant()  # type: ignore[attr-defined]  # our backend's
            for name, asked in statements.items():
                ratios[name] = _ratio(asked, context.rounds)
            floor = _bare_policy(context.rounds)
    worst = max(ratios, key=lambda name: ratios[name])
    detail = (
        f"worst of {len(ratios)}: {worst}; median {median(ratios.values()):.3f}; "
        f"the plainest policy there can be, on a look-up by primary key: {floor:.3f}"
    )
    with connections["owner"].cursor() as owner:
        owner.execute("DROP SCHEMA bench CASCADE")
    return context.row("5", ratios[worst], detail)


_BARE = """
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO PUBLIC;
CREATE TABLE bench.bare (tenant_id bigint, id bigint, name text, PRIMARY KEY (tenant_id, id));
INSERT INTO bench.bare SELECT t, g, 'row ' || g FROM generate_series(1, 5) t, generate_series(1, 10000) g;
ANALYZE bench.bare;
GRANT SELECT ON bench.bare TO PUBLIC;
ALTER TABLE bench.bare ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON bench.bare USING (tenant_id = current_setting('app.tenant_id')::bigint);
"""


def _bare_policy(rounds: int) -> float:
    """What PostgreSQL itself asks for row-level security, without anything of ours: planning one more condition. No
    statement that takes less than ten times that can be within a tenth."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.tenant_id')::bigint")
        (tenant,) = cursor.fetchone()
    return _ratio([(f"SELECT * FROM bench.bare WHERE tenant_id = {tenant} AND id = 77", None)], rounds)


def _statements(ask: Callable[[], object]) -> list[Statement]:
    """What a query of the platform sends to the database."""
    sent: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        ask()
    return sent


def _ratio(statements: list[Statement], rounds: int) -> float:
    """Median of the paired ratios; the number of repetitions makes each measurement long enough."""
    first = _timed("default", statements, 1)
    repetitions = max(1, int(AT_LEAST / max(first, 1e-5)))
    pairs = []
    for turn in range(2 * rounds + 1):
        bound = _timed("default", statements, repetitions)
        free = _timed("owner", statements, repetitions)
        if turn:
            pairs.append(bound / free)
    return median(pairs)


def _timed(alias: str, statements: list[Statement], repetitions: int) -> float:
    """Seconds of the server's CPU."""
    with connections[alias].connection.cursor() as cursor:  # the driver's: nothing of ours is measured
        clock = BackendClock(connections[alias].connection)
        started = clock.now()
        for _ in range(repetitions):
            for sql, params in statements:
                cursor.execute(sql, params)
                cursor.fetchall()
        return clock.now() - started


@contextmanager
def _owner_unbound() -> Iterator[None]:
    """Without FORCE the owner of a table is not bound by its policies."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY;', relname), ' '), "
            "string_agg(format('ALTER TABLE %I FORCE ROW LEVEL SECURITY;', relname), ' ') FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relforcerowsecurity"
        )
        lift, restore = cursor.fetchone()
        cursor.execute(lift)
        try:
            yield
        finally:
            cursor.execute(restore)
