"""A rule tried out: one statement for the count, the sample and what each condition lets through."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.actions import add_tag, upsert_member
from members.models import Member
from segments.queries import trial
from segments.queries.trial import PartCount, try_rule
from tests.segments.conftest import Buy
from urm.rules import RuleError
from urm.rules.workspace import current_names
from urm.tenancy.models import Tenant

BOUGHT: dict[str, Any] = {"fact": "event", "name": "purchase", "measure": "count", "op": "gte", "value": 2}
VIP: dict[str, Any] = {"fact": "tag", "name": "VIP", "op": "is_true"}
NEVER: dict[str, Any] = {"all": []}


@pytest.fixture
def people(buy: Buy) -> list[Member]:
    """Four members: two bought twice, one of whom is a VIP; one bought once; one never did and is a VIP."""
    for external_id, times in (("a", 2), ("b", 2), ("c", 1)):
        for turn in range(times):
            buy(external_id, days_ago=turn + 1)
    upsert_member(external_id="d", traits={})
    found = list(Member.objects.order_by("external_id"))
    for member in (found[0], found[3]):
        add_tag(member=member, name="VIP")
    return found


def test_every_part_is_counted_alone_and_after_those_before_it(people: list[Member]) -> None:
    found = try_rule({"all": [BOUGHT, {"not": VIP}, {"any": [VIP, BOUGHT]}]}, names=current_names())
    assert (found.count, found.everybody, found.margin) == (1, 4, None)
    assert [one.external_id for one in found.sample] == ["b"]
    assert found.parts == (
        PartCount("rule", 1, None),
        PartCount("all[0]", 2, 2),
        PartCount("all[1]", 2, 1),
        PartCount("all[2]", 3, 1),
        PartCount("all[2].any[0]", 2, None),
        PartCount("all[2].any[1]", 2, None),
    )


def test_negated_group_is_counted_with_its_parts(people: list[Member]) -> None:
    found = try_rule({"not": {"all": [BOUGHT, VIP]}}, names=current_names())
    assert [(part.path, part.alone, part.together) for part in found.parts] == [
        ("rule", 3, None),
        ("not.all[0]", 2, 2),
        ("not.all[1]", 2, 1),
    ]


@pytest.mark.parametrize(("rule", "count"), [({"all": []}, 4), ({"any": []}, 0), (BOUGHT, 2)])
def test_rule_without_group_or_conditions(people: list[Member], rule: dict[str, Any], count: int) -> None:
    found = try_rule(rule, names=current_names())
    assert (found.count, [part.path for part in found.parts]) == (count, ["rule"])


def test_count_sample_and_contributions_are_one_statement(people: list[Member]) -> None:
    names = current_names()
    for kind in ("event", "tag", "merged"):
        names.all(kind)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        try_rule({"all": [BOUGHT, VIP, {"any": [VIP]}]}, names=names)
    about = [query["sql"] for query in queries if "FILTER (WHERE" in query["sql"]]
    assert len(about) == 1
    assert len([query for query in queries if query["sql"].startswith("SELECT")]) == 3  # how large, the one, the sample


def test_words_come_in_both_languages(people: list[Member]) -> None:
    words = try_rule({"not": VIP}, names=current_names()).words
    assert words == {"en": "does not have the tag VIP", "zh-hans": "没有标签 VIP"}


def test_large_workspace_is_estimated_from_a_sample(shop: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    for turn in range(60):
        upsert_member(external_id=f"m{turn}", traits={"city": "Paris" if turn % 2 else "Lyon"})
    monkeypatch.setattr(trial, "EXACT_UP_TO", 50)
    monkeypatch.setattr(trial, "SAMPLED", 20)
    rule = {"fact": "profile", "name": "city", "op": "is_set"}
    found, names = try_rule(rule, names=current_names()), current_names()
    assert found.count == found.everybody  # the same members are looked at for both
    assert found.count % 3 == 0  # one in three
    assert found.margin == 9  # three of those looked at: nobody was found outside
    exact = try_rule(rule, names=names, exact=True)
    assert (exact.count, exact.margin) == (60, None)


def test_broken_rule_is_refused_with_its_place(shop: Tenant) -> None:
    with pytest.raises(RuleError) as refused:
        try_rule({"all": [{**BOUGHT, "value": "two"}]}, names=current_names())
    assert refused.value.path == "all[0].value"
