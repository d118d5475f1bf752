from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.rules import world as w
from urm.rules import Names, check, words


def bought(measure: str, op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"fact": "event", "name": "purchase", "measure": measure, **more, "op": op, "value": value}


LAPSING = {
    "version": 1,
    "all": [
        bought("sum:amount", "gte", 500, window={"days": 365}),
        bought("days_since_last", "gt", 45),
        {"not": {"fact": "tag", "name": "vip", "op": "is_true"}},
        {"fact": "reachable", "channel": "email", "op": "is_true"},
    ],
}


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        (
            LAPSING,
            "bought for at least 500 in the last 365 days, and last bought more than 45 days ago,"
            " and does not have the tag vip, and can be reached by e-mail",
            "最近 365 天消费总额不少于 500，且距上次购买超过 45 天，且没有标签 vip，且可通过邮件触达",
        ),
        (bought("count", "gte", 1), "bought at least once", "购买过"),
        (bought("count", "eq", 0), "never bought", "从未购买"),
        (
            {"not": bought("count", "gte", 1, window={"days": 90})},
            "did not buy in the last 90 days",
            "最近 90 天没有购买",
        ),
        (bought("days", "gte", 10), "bought on at least 10 different days", "购买的天数不少于 10"),
        (
            {**bought("count", "lt", 3, window={"calendar": "last_month"}), "name": "visit"},
            "did “visit” fewer than 3 times last month",
            "上月发生“visit”次数少于 3",
        ),
        (
            bought("count", "gte", 2, where={"prop": "amount", "op": "gte", "value": 99.5}),
            "bought (with amount is at least 99.5) at least twice",
            "购买（amount不少于 99.5）次数不少于 2",
        ),
        (
            {"any": [{"fact": "tag", "name": "vip", "op": "is_true"}, {"not": {"any": []}}]},
            "has the tag vip, or it is not so that (is no member at all)",
            "有标签 vip，或并非（没有会员）",
        ),
        (
            {"fact": "profile", "name": "birthday", "op": "anniversary_within_next", "value": 7},
            "birthday has its anniversary within the next 7 days",
            "生日的周年日在未来 7 天内",
        ),
        (
            {"fact": "attribute", "name": "likes", "op": "has_any", "value": ["tea", "wine"]},
            "Likes includes any of “tea”, “wine”",
            "likes包含以下任意一个：“tea”、“wine”",
        ),
        (
            {
                "fact": "sequence",
                "steps": [{"name": "visit", "where": {"prop": "sku", "op": "eq", "value": "a"}}, {"name": "purchase"}],
                "within_days": 7,
                "without": {"name": "urm.mail.opened"},
                "op": "is_true",
            },
            "did “visit” (with sku is “a”), then bought, all within 7 days, without “urm.mail.opened” in between",
            "先后发生“visit”（sku为“a”），再购买（首尾相隔不超过 7 天），其间没有“urm.mail.opened”",
        ),
        (
            {
                "fact": "rank",
                "name": "purchase",
                "measure": "sum:amount",
                "window": {"days": 365},
                "top_percent": 10,
                "op": "is_true",
            },
            "is in the top 10 % by the total amount of “purchase” in the last 365 days",
            "最近 365 天“purchase”的 amount 总和位于前 10%",
        ),
        (
            {"not": {"fact": "sample", "percent": 12.5, "salt": "spring", "op": "is_true"}},
            "is not in the random 12.5 % called spring",
            "不属于 12.5% 的随机样本（spring）",
        ),
    ],
)
def test_rule_in_words(names: Names, rule: dict[str, Any], english: str, chinese: str) -> None:
    checked = check(rule, names)
    assert words(checked, "en", names) == english
    assert words(checked, "zh-hans", names) == chinese


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=w.rules(w.MOMENTS[0], "UTC"))
def test_every_rule_has_words(names: Names, rule: dict[str, Any]) -> None:
    checked = check(rule, names)
    for language in ("en", "zh-hans"):
        text = words(checked, language, names)
        assert text
        assert "{}" not in text
        assert "None" not in text
