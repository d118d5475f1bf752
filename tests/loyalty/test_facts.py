"""Points in the rule language."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from django.db import connection
from django.utils import timezone

from loyalty.actions import adjust_points
from loyalty.models import Lot, Programme
from members.actions import upsert_member
from members.models import Member
from urm.rules import Names, Scope, check, compile_rules, json_schema, matching_members, words
from urm.tenancy.models import Tenant

Buy = Callable[..., None]


@pytest.fixture
def names(in_acme: Tenant) -> Names:
    return Names(in_acme.pk, in_acme.time_zone)


def holds(rule: dict[str, Any], names: Names, at: datetime | None = None) -> list[str]:
    scope = Scope(names.tenant_id, names.time_zone, at or timezone.now() + timedelta(seconds=1))
    statement = matching_members(check(rule, names).node, names, scope, "m.external_id")
    with connection.cursor() as cursor:
        cursor.execute(statement.text, cast(Any, statement.params))
        return sorted(external_id for (external_id,) in cursor.fetchall())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"what": "points", "op": "gte", "value": 1000}, ["ada"]),
        ({"what": "points", "op": "lt", "value": 50}, ["bob", "eve"]),
        ({"what": "lifetime_points", "op": "eq", "value": 0}, ["eve"]),
        ({"what": "tier", "op": "eq", "value": "Silver"}, ["ada"]),
        ({"what": "tier", "op": "in", "value": ["Member", "Gold"]}, ["bob"]),
        ({"what": "tier", "op": "is_missing"}, ["eve"]),
        ({"what": "expiring_in_30d", "op": "gt", "value": 0}, ["bob"]),
    ],
)
def test_loyalty_fact(
    programme: Programme, ada: Member, buy: Buy, names: Names, rule: dict[str, Any], expected: list[str]
) -> None:
    upsert_member(external_id="eve", traits={})
    buy("ada", 1000)
    buy("bob", 20, occurred_at=(timezone.now() - timedelta(days=340)).isoformat())
    assert holds({"fact": "loyalty", **rule}, names) == expected


def test_expiring_points_age_by_themselves(programme: Programme, ada: Member, names: Names) -> None:
    adjust_points(member=ada, points=100, reason="x", idempotency_key="a")
    expiry = Lot.objects.get().expires_at
    assert expiry is not None
    rule = {"fact": "loyalty", "what": "expiring_in_30d", "op": "gte", "value": 100}
    before, begins, last = expiry - timedelta(days=31), expiry - timedelta(days=30), expiry - timedelta(microseconds=1)
    assert [holds(rule, names, at) for at in (before, begins, last, expiry)] == [[], ["ada"], ["ada"], []]

    def next_at(at: datetime) -> datetime | None:
        compiled = compile_rules(
            [check(rule, names).node], names, Scope(names.tenant_id, names.time_zone, at, aging=True)
        )
        statement = f"SELECT {compiled.next_at.text} {compiled.from_clause.text}"
        with connection.cursor() as cursor:
            cursor.execute(statement, cast(Any, [*compiled.next_at.params, *compiled.from_clause.params]))
            (moment,) = cursor.fetchone()
            return moment  # type: ignore[no-any-return]

    assert (next_at(before), next_at(begins), next_at(expiry)) == (begins, expiry, None)


def test_loyalty_fact_in_words(programme: Programme, names: Names) -> None:
    rule = check({"fact": "loyalty", "what": "points", "op": "gte", "value": 500}, names)
    assert words(rule, "en", names) == "the number of points is at least 500"
    assert words(rule, "zh-hans", names) == "积分不少于 500"


def test_loyalty_fact_is_published(programme: Programme, names: Names) -> None:
    assert '"lifetime_points"' in str(json_schema(names)).replace("'", '"')
