"""Row 7: a list page far down costs what the first one costs, because pages begin at a key and not at a number."""

from __future__ import annotations

from django.db import connection

from deploy.bench.table import Context, Row, measures
from members.queries import live_members
from urm.tenancy.context import tenant_context

DEPTH = 450_000
PAGE = 50
REPEATS = 40


@measures("7")
def deep_page(context: Context) -> Row:
    tenant = context.large
    depth = min(DEPTH, tenant.members - 2 * PAGE)
    with tenant_context(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT created_at, id FROM members_member WHERE tenant_id = %s "
            "AND merged_into_id IS NULL AND erased_at IS NULL "
            "ORDER BY created_at DESC, id DESC OFFSET %s LIMIT 1",
            [tenant.id, depth],
        )
        place = cursor.fetchone()

        def page(after: tuple[object, int] | None) -> None:
            for _ in range(REPEATS):
                members = live_members().order_by("-created_at", "-id")
                if after is not None:
                    key = "(members_member.created_at, members_member.id) < (%s, %s)"
                    members = members.extra(where=[key], params=after)  # noqa: S610
                if len(members[:PAGE]) != PAGE:
                    raise RuntimeError("a page is short")

        ratio, deep, first = context.compare(lambda: page(place), lambda: page(None))
    each = 1000 / REPEATS
    return context.row("7", ratio, f"{deep * each:.2f} ms at depth {depth:,} ÷ {first * each:.2f} ms")
