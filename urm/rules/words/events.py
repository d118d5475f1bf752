"""Behaviour in words: *bought for at least 500 in the last 365 days* — *最近 365 天消费总额不少于 500*.

The entry of an event name may bring verbs in its `detail`: `did_en` (bought), `do_en` (buy), `did_zh` (购买),
`spent_zh` (消费)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from urm.rules.names import Names
from urm.rules.tree import Leaf, Node, Params
from urm.rules.windows import Between, Calendar, InCalendar, Sliding, Window
from urm.rules.words.phrases import condition_words, fact_of, number_words, value_words, zh

if TYPE_CHECKING:
    from urm.rules.eventfact import Measure

_CALENDAR_ZH = {
    Calendar.TODAY: "今天", Calendar.YESTERDAY: "昨天", Calendar.THIS_WEEK: "本周", Calendar.LAST_WEEK: "上周",
    Calendar.THIS_MONTH: "本月", Calendar.LAST_MONTH: "上月", Calendar.THIS_QUARTER: "本季度",
    Calendar.LAST_QUARTER: "上季度", Calendar.THIS_YEAR: "今年", Calendar.LAST_YEAR: "去年",
}  # fmt: skip
_OF_EN = {"sum": "total", "avg": "average", "min": "smallest", "max": "largest"}
_OF_ZH = {"sum": "总和", "avg": "平均值", "min": "最小值", "max": "最大值"}
_TIMES_EN = {1: "once", 2: "twice"}


def event_sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    """The wording of an `event` condition; no negation has a wording of its own, save "never"."""
    params = fact_of(leaf).params
    never = leaf.op == "eq" and params["measure"].name == "count" and leaf.value == 0
    if negated and params["measure"].name == "count" and leaf.op == "gte" and leaf.value == 1:
        never = True
    elif negated:
        return None
    return _chinese(leaf, params, names, never) if zh(language) else _english(leaf, params, names, never)


def _english(leaf: Leaf, params: Params, names: Names, never: bool) -> str:
    measure: Measure = params["measure"]
    did, do = _verbs(params, names, "did_en", "did {}"), _verbs(params, names, "do_en", "do {}")
    span, where = _window_en(params.get("window")), where_words(params.get("where"), "en", names)
    if never:
        return f"did not {do}{where}{span}" if span else f"never {did}{where}"
    number = number_words(leaf.op, leaf.value, "en")
    if measure.name == "count" and number:
        return f"{did}{where} {_times(leaf, number)}{span}"
    if measure.name == "days" and number:
        return f"{did}{where} on {number} different days{span}"
    if measure.name == "days_since_last" and leaf.op in {"gt", "gte", "lt", "lte", "between"}:
        return f"last {did}{where} {number} days ago{span}"
    if str(measure) == "sum:amount" and "did_en" in _details(params, names) and number:
        return f"{did}{where} for {number}{span}"
    return condition_words(_noun_en(params, names), leaf, "en")


def _chinese(leaf: Leaf, params: Params, names: Names, never: bool) -> str:
    measure: Measure = params["measure"]
    did = _verbs(params, names, "did_zh", "发生{}")
    span, where = _window_zh(params.get("window")), where_words(params.get("where"), "zh", names)
    if never:
        return f"{span}没有{did}{where}" if span else f"从未{did}{where}"
    number = number_words(leaf.op, leaf.value, "zh")
    if measure.name == "count" and number:
        once = leaf.op == "gte" and leaf.value == 1
        return f"{span}{did}过{where}" if once else f"{span}{did}{where}次数{number}"
    if measure.name == "days" and number:
        return f"{span}{did}{where}的天数{number}"
    if measure.name == "days_since_last" and number:
        return f"{span}距上次{did}{where}{number} 天"
    if str(measure) == "sum:amount" and "spent_zh" in _details(params, names) and number:
        return f"{span}{_verbs(params, names, 'spent_zh', '{}')}总额{where}{number}"
    return condition_words(_noun_zh(params, names), leaf, "zh")


def measured(params: Params, language: str, names: Names) -> str:
    """What an `event` term measures, as a noun."""
    return _noun_zh(params, names) if zh(language) else _noun_en(params, names)


def did_what(wanted: tuple[str, ...], language: str, names: Names) -> str:
    """`bought` — `购买`; events without verbs are named."""
    terms = Params((("name", wanted),))
    return _verbs(terms, names, "did_zh", "发生{}") if zh(language) else _verbs(terms, names, "did_en", "did {}")


def _noun_en(params: Params, names: Names) -> str:
    measure: Measure = params["measure"]
    event = _verbs(params, names, "", "{}")
    within = f"{where_words(params.get('where'), 'en', names)}{_window_en(params.get('window'))}"
    if measure.name in {"first", "last"}:
        return f"the {measure.name} {event}{within}"
    if measure.name == "distinct":
        return f"the number of different {measure.prop} of {event}{within}"
    if measure.name in _OF_EN:
        return f"the {_OF_EN[measure.name]} {measure.prop} of {event}{within}"
    counted = {"days": "different days of ", "days_since_last": "days since the last "}.get(measure.name, "")
    return f"the number of {counted}{event}{within}"


def _noun_zh(params: Params, names: Names) -> str:
    measure: Measure = params["measure"]
    event, did = _verbs(params, names, "", "{}"), _verbs(params, names, "did_zh", "发生{}")
    span, where = _window_zh(params.get("window")), where_words(params.get("where"), "zh", names)
    if measure.name in {"first", "last"}:
        return f"{span}{'首次' if measure.name == 'first' else '最近一次'}{did}{where}的时间"
    if measure.name == "distinct":
        return f"{span}{event}{where}的不同 {measure.prop} 数"
    if measure.name in _OF_ZH:
        return f"{span}{event}{where}的 {measure.prop} {_OF_ZH[measure.name]}"
    counted = {"days": "天数", "days_since_last": "距今天数"}.get(measure.name, "次数")
    return f"{span}{did}{where}的{counted}"


def _details(params: Params, names: Names) -> dict[str, Any]:
    """What the event's entry says of itself; nothing when several events are meant."""
    if len(params["name"]) != 1:
        return {}
    entry = names.find("event", params["name"][0])
    return dict(entry.detail) if entry is not None else {}


def _verbs(params: Params, names: Names, key: str, otherwise: str) -> str:
    verb = _details(params, names).get(key)
    if verb:
        return str(verb)
    return otherwise.format("/".join(f"“{name}”" for name in params["name"]))


def _times(leaf: Leaf, number: str) -> str:
    number = number.replace("less", "fewer")
    single = not isinstance(leaf.value, tuple) and leaf.value in _TIMES_EN
    if leaf.op in {"eq", "ne"}:
        number = number if leaf.op == "ne" else f"exactly {number}"
    if single:
        return number.removesuffix(f"{value_words(leaf.value, 'en')}") + _TIMES_EN[int(str(leaf.value))]
    return f"{number} times"


def window_words(window: Window | None, language: str) -> str:
    """` in the last 30 days` — `最近 30 天`; nothing for no window."""
    return _window_zh(window) if zh(language) else _window_en(window)


def _window_en(window: Window | None) -> str:
    match window:
        case None:
            return ""
        case Sliding(days, 0):
            return f" in the last {days} days" if days != 1 else " in the last day"
        case Sliding(days, until):
            return f" between {days} and {until} days ago"
        case Between(start, end):
            return f" from {_moment(start)} until before {_moment(end)}"
        case InCalendar(period):
            return f" {period.value.replace('_', ' ')}"


def _window_zh(window: Window | None) -> str:
    match window:
        case None:
            return ""
        case Sliding(days, 0):
            return f"最近 {days} 天"
        case Sliding(days, until):
            return f"{days} 天前到 {until} 天前之间"
        case Between(start, end):
            return f"从 {_moment(start)} 到 {_moment(end)} 之前"
        case InCalendar(period):
            return _CALENDAR_ZH[period]


def _moment(moment: dt.datetime) -> str:
    return value_words(moment, "en")


def where_words(where: Node | None, language: str, names: Names) -> str:
    if where is None:
        return ""
    from urm.rules.words import words  # noqa: PLC0415 - the tree's wording and an event's refer to one another

    inner = words(where, language, names)
    return f"（{inner}）" if zh(language) else f" (with {inner})"
