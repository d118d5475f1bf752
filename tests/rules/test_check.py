"""What is refused, where, and with which suggestion."""

import json
from typing import Any

import pytest

from urm.rules import Names, RuleError, check, load
from urm.rules.limits import MAX_DEPTH
from urm.rules.tree import AllOf, Leaf

BOUGHT = {"fact": "event", "name": "purchase", "measure": "count", "op": "gte", "value": 1}
VIP = {"fact": "tag", "name": "vip", "op": "is_true"}

SEQUENCE = {"fact": "sequence", "steps": [{"name": "visit"}, {"name": "purchase"}], "op": "is_true"}
RANK = {"fact": "rank", "name": "purchase", "measure": "count", "top_percent": 10, "op": "is_true"}


def problems(rule: object, names: Names) -> list[tuple[str, str]]:
    with pytest.raises(RuleError) as refused:
        check(rule, names)
    return [(problem.path, problem.code) for problem in refused.value.problems]


def nested(depth: int, leaf: dict[str, Any]) -> dict[str, Any]:
    rule = leaf
    for _level in range(depth - 1):
        rule = {"not": rule}
    return rule


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ([], [("rule", "not_a_rule")]),
        ({"fact": "profil", "name": "city", "op": "eq", "value": "x"}, [("fact", "unknown_name")]),
        ({"all": [VIP], "any": []}, [("any", "unknown_key")]),
        ({"all": VIP}, [("all", "not_a_list")]),
        ({"all": [VIP, {**BOUGHT, "value": "1"}]}, [("all[1].value", "bad_number")]),
        ({"not": {**BOUGHT, "op": "is"}}, [("not.op", "unknown_name")]),
        ({**BOUGHT, "vlaue": 2}, [("vlaue", "unknown_name")]),
        ({**BOUGHT, "value": True}, [("value", "bad_number")]),
        ({**BOUGHT, "value": float("nan")}, [("value", "bad_number")]),
        ({**BOUGHT, "op": "between", "value": [1]}, [("value", "bad_pair")]),
        ({key: part for key, part in BOUGHT.items() if key != "value"}, [("rule", "missing_key")]),
        ({key: part for key, part in BOUGHT.items() if key != "measure"}, [("rule", "missing_key")]),
        ({**BOUGHT, "name": "purchse"}, [("name", "unknown_name")]),
        ({**BOUGHT, "name": ["purchase", "visits"]}, [("name[1]", "unknown_name")]),
        ({**BOUGHT, "measure": "summ:amount"}, [("measure", "unknown_name")]),
        ({**BOUGHT, "window": {"days": 0}}, [("window.days", "bad_days")]),
        ({**BOUGHT, "window": {"days": 7, "until_days_ago": 7}}, [("window.until_days_ago", "empty_window")]),
        ({**BOUGHT, "window": {"from": "2024-02-01", "to": "2024-01-01"}}, [("window.to", "empty_window")]),
        ({**BOUGHT, "window": {"calendar": "next_week"}}, [("window.calendar", "unknown_name")]),
        ({**BOUGHT, "window": {"weeks": 2}}, [("window", "bad_window")]),
        ({**BOUGHT, "where": {"prop": "amount", "op": "eq", "value": "x"}}, [("where.value", "bad_number")]),
        ({**BOUGHT, "where": {"all": [{"prop": "", "op": "is_set"}]}}, [("where.all[0].prop", "bad_property")]),
        ({**BOUGHT, "where": VIP}, [("where", "bad_property")]),
        ({**SEQUENCE, "steps": [{"name": "visit"}]}, [("steps", "bad_list")]),
        ({**SEQUENCE, "steps": [{"name": "visit"}, {"name": "purchse"}]}, [("steps[1].name", "unknown_name")]),
        ({**SEQUENCE, "steps": [{"name": "visit"}, {"event": "purchase"}]}, [("steps[1]", "bad_step")]),
        ({**SEQUENCE, "without": {"name": "visit", "whre": {}}}, [("without.whre", "unknown_name")]),
        ({**SEQUENCE, "within_days": 0}, [("within_days", "bad_days")]),
        ({**RANK, "measure": "first"}, [("measure", "unknown_name")]),
        ({**RANK, "top_percent": 0}, [("top_percent", "bad_percent")]),
        ({**RANK, "top_percent": 12.345}, [("top_percent", "bad_percent")]),
        ({"fact": "sample", "percent": 101, "salt": "a", "op": "is_true"}, [("percent", "bad_percent")]),
        ({"fact": "sample", "percent": 10, "salt": "a\0", "op": "is_true"}, [("salt", "bad_text")]),
        ({**VIP, "name": "v\0p"}, [("name", "unknown_name")]),
        ({**VIP, "ignore_case": True}, [("ignore_case", "unknown_name")]),
        ({**VIP, "value": 1}, [("value", "unknown_name")]),
        ({**VIP, "version": 2}, [("version", "bad_version")]),
        (
            {"fact": "attribute", "name": "level", "op": "in", "value": ["low", "hgih"]},
            [("value[1]", "unknown_name")],
        ),
        ({"fact": "attribute", "name": "joined", "op": "on", "value": "2023-02-29"}, [("value", "bad_date")]),
        ({"fact": "profile", "name": "city", "op": "eq", "value": "a\0b"}, [("value", "bad_text")]),
        ({"fact": "profile", "name": "city", "op": "eq", "value": "\ud800"}, [("value", "bad_text")]),
        ({"fact": "profile", "name": "city", "op": "matches", "value": "(?i)x"}, [("value", "bad_pattern")]),
        ({"fact": "profile", "name": "birthday", "op": "weekday", "value": [0]}, [("value", "bad_weekdays")]),
        (
            {"any": [{**VIP, "name": "vpi"}, {"not": {**VIP, "op": "eq"}}]},
            [("any[0].name", "unknown_name"), ("any[1].not.op", "unknown_name")],
        ),
    ],
)
def test_check_refuses(rule: object, expected: list[tuple[str, str]], names: Names) -> None:
    assert problems(rule, names) == expected


def test_check_suggests_the_nearest_name(names: Names) -> None:
    with pytest.raises(RuleError) as refused:
        check({**BOUGHT, "name": "purchse"}, names)
    assert refused.value.message == "unknown event “purchse”; did you mean “purchase”?"


def test_check_gives_a_tree_and_the_rule_to_store(names: Names) -> None:
    rule = check({"all": [VIP]}, names)
    assert rule.source == {"version": 1, "all": [VIP]}
    assert isinstance(rule.node, AllOf)
    assert isinstance(rule.node.rules[0], Leaf)
    assert check(rule.source, names) == rule


@pytest.mark.parametrize(
    ("depth", "accepted"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (1000, False), (100_000, False)]
)
def test_check_limits_depth(depth: int, accepted: bool, names: Names) -> None:
    rule = nested(depth, VIP)
    if accepted:
        assert check(rule, names).source == {"version": 1, **rule}
    else:
        assert {code for _path, code in problems(rule, names)} == {"too_deep"}


def test_check_limits_depth_inside_where(names: Names) -> None:
    rule = {**BOUGHT, "where": nested(MAX_DEPTH, {"prop": "x", "op": "is_set"})}
    assert {code for _path, code in problems(rule, names)} == {"too_deep"}


@pytest.mark.parametrize(("leaves", "accepted"), [(200, True), (201, False)])
def test_check_limits_conditions(leaves: int, accepted: bool, names: Names) -> None:
    rule = {"any": [VIP] * leaves}
    if accepted:
        assert check(rule, names).source == {"version": 1, **rule}
    else:
        assert {code for _path, code in problems(rule, names)} == {"too_many_conditions"}


def test_check_limits_size(names: Names) -> None:
    rule = {"fact": "profile", "name": "city", "op": "in", "value": ["x" * 1000] * 70}
    assert problems(rule, names) == [("rule", "too_large")]


@pytest.mark.parametrize("text", ["{", '{"all": [}', "[" * 60_000, '{"value": ' + "9" * 10_000 + "}"])
def test_load_refuses_what_is_no_json(text: str) -> None:
    with pytest.raises(RuleError):
        load(text)


def test_load_keeps_every_digit() -> None:
    assert str(load('{"value": 0.10000000000000000000000001}')["value"]) == "0.10000000000000000000000001"


def test_hostile_rules_are_refused_in_no_time(names: Names) -> None:
    rules = [
        {"all": [{"not": []}] * 5000},
        {"x" * 60_000: 1},
        {"fact": {"all": []}},
        {"fact": "tag", "name": {}},
        7,
        None,
    ]
    for rule in rules:
        with pytest.raises(RuleError):
            check(json.loads(json.dumps(rule)), names)
