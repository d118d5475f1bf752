"""The general wording of a condition: a noun, what is asked of it, and the value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from urm.rules.facts import Fact
from urm.rules.names import Names
from urm.rules.tree import FactTerm, Leaf, Params
from urm.rules.types import Kind, Value

_NUMBERS_EN = {
    "eq": "is {}", "ne": "is not {}", "lt": "is less than {}", "lte": "is at most {}", "gt": "is more than {}",
    "gte": "is at least {}", "between": "is between {} and {}",
}  # fmt: skip
_NUMBERS_ZH = {
    "eq": "等于 {}", "ne": "不等于 {}", "lt": "少于 {}", "lte": "不超过 {}", "gt": "超过 {}", "gte": "不少于 {}",
    "between": "在 {} 到 {} 之间",
}  # fmt: skip
_TEXTS_EN = {
    "eq": "is {}", "ne": "is not {}", "in": "is one of {}", "not_in": "is none of {}", "contains": "contains {}",
    "not_contains": "does not contain {}", "starts_with": "starts with {}", "ends_with": "ends with {}",
    "matches": "matches the pattern {}",
}  # fmt: skip
_TEXTS_ZH = {
    "eq": "为{}", "ne": "不为{}", "in": "为以下之一：{}", "not_in": "不是以下任何一个：{}", "contains": "包含{}",
    "not_contains": "不包含{}", "starts_with": "以{}开头", "ends_with": "以{}结尾", "matches": "符合模式{}",
}  # fmt: skip
_DATES_EN = {
    "before": "is before {}", "after": "is after {}", "on_or_before": "is on or before {}",
    "on_or_after": "is on or after {}", "on": "is on {}", "between": "is from {} to {}",
    "within_last": "was within the last {} days", "within_next": "is within the next {} days",
    "more_than_ago": "was more than {} days ago",
    "anniversary_within_next": "has its anniversary within the next {} days", "weekday": "falls on {}",
}  # fmt: skip
_DATES_ZH = {
    "before": "早于 {}", "after": "晚于 {}", "on_or_before": "不晚于 {}", "on_or_after": "不早于 {}",
    "on": "在 {} 当天", "between": "在 {} 到 {} 之间", "within_last": "在过去 {} 天内", "within_next": "在未来 {} 天内",
    "more_than_ago": "在 {} 天以前", "anniversary_within_next": "的周年日在未来 {} 天内", "weekday": "是{}",
}  # fmt: skip
_LISTS_EN = {
    "has": "includes {}", "has_any": "includes any of {}", "has_all": "includes all of {}",
    "has_none": "includes none of {}", "is_empty": "is empty",
}  # fmt: skip
_LISTS_ZH = {
    "has": "包含{}", "has_any": "包含以下任意一个：{}", "has_all": "包含以下全部：{}",
    "has_none": "不包含以下任何一个：{}", "is_empty": "为空列表",
}  # fmt: skip
_ANY_EN = {"is_set": "is known", "is_missing": "is unknown", "is_true": "is yes", "is_false": "is no"}
_ANY_ZH = {"is_set": "已知", "is_missing": "未知", "is_true": "为是", "is_false": "为否"}
_BY_KIND: dict[Kind, tuple[dict[str, str], dict[str, str]]] = {
    Kind.NUMBER: (_NUMBERS_EN, _NUMBERS_ZH),
    Kind.TEXT: (_TEXTS_EN, _TEXTS_ZH),
    Kind.CHOICE: (_TEXTS_EN, _TEXTS_ZH),
    Kind.BOOLEAN: (_ANY_EN, _ANY_ZH),
    Kind.DATE: (_DATES_EN, _DATES_ZH),
    Kind.DATETIME: (_DATES_EN, _DATES_ZH),
    Kind.LIST: (_LISTS_EN, _LISTS_ZH),
}
_WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAYS_ZH = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")


def zh(language: str) -> bool:
    return language.lower().startswith("zh")


def noun_of(fact: Fact, params: Params, language: str, names: Names) -> str:
    if fact.noun is not None:
        return fact.noun(params, language, names)
    return fact.label_zh if zh(language) else fact.label_en


def condition_words(noun: str, leaf: Leaf, language: str) -> str:
    """`city is “Paris”` — `城市为“Paris”`."""
    chinese = zh(language)
    general = (_ANY_ZH if chinese else _ANY_EN).get(leaf.op)
    kind = leaf.subject.kind if leaf.subject.kind is not None else Kind.TEXT
    phrase = general or _BY_KIND[kind][chinese][leaf.op]
    filled = _filled(phrase, leaf.value, leaf.op, language)
    if leaf.ignore_case:
        filled += "（不区分大小写）" if chinese else " (ignoring case)"
    # A Chinese phrase follows its noun without a gap, save where letters or digits would touch.
    return f"{noun}{filled}" if chinese else f"{noun} {filled}"


def operator_words(kind: Kind, op: str, language: str) -> str:
    """An operator as a choice of its own, its value left open: `is between … and …` — `在 … 到 … 之间`."""
    chinese = zh(language)
    phrase = (_ANY_ZH if chinese else _ANY_EN).get(op) or _BY_KIND[kind][chinese][op]
    if phrase.count("{}") == 1:
        phrase = phrase.removesuffix("：{}").removesuffix("{}")
    return phrase.strip().replace("{}", "…")


def number_words(op: str, value: Value, language: str) -> str:
    """`at least 3` — `不少于 3`; nothing for an operator that compares no numbers."""
    phrase = _NUMBERS_ZH.get(op, "") if zh(language) else _NUMBERS_EN.get(op, "").removeprefix("is ")
    return _filled(phrase, value, op, language) if phrase else ""


def value_words(value: Any, language: str) -> str:  # noqa: PLR0911 - one return per type
    chinese = zh(language)
    if isinstance(value, tuple | list):
        return ("、" if chinese else ", ").join(value_words(item, language) for item in value)
    if value is None:
        return "未知" if chinese else "unknown"
    if isinstance(value, bool):
        return ("是" if value else "否") if chinese else ("yes" if value else "no")
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dt.datetime):
        shown = value.isoformat(sep=" ", timespec="minutes" if not (value.second or value.microsecond) else "auto")
        return shown.replace("+00:00", " UTC")
    if isinstance(value, str):
        return f"“{value}”"
    return str(value)


def _filled(phrase: str, value: Value, op: str, language: str) -> str:
    if op == "weekday" and isinstance(value, tuple):
        days = _WEEKDAYS_ZH if zh(language) else _WEEKDAYS_EN
        return phrase.format(("、" if zh(language) else ", ").join(days[int(str(day)) - 1] for day in value))
    if op == "between" and isinstance(value, tuple):
        return phrase.format(*(value_words(item, language) for item in value))
    return phrase.format(value_words(value, language))


def fact_of(leaf: Leaf) -> FactTerm:
    assert isinstance(leaf.subject, FactTerm)
    return leaf.subject
