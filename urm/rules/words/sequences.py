"""Orders, ranks and samples in words: *did visit, then purchase within 7 days*."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from urm.rules.names import Names
from urm.rules.tree import Leaf
from urm.rules.words.events import did_what, measured, where_words
from urm.rules.words.phrases import fact_of, value_words, zh

if TYPE_CHECKING:
    from urm.rules.sequence import Step


def sequence_sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    """Of `is_true` and `is_false`; presence has the general wording."""
    terms = fact_of(leaf).params
    if leaf.op not in {"is_true", "is_false"}:
        return None
    holds, chinese = (leaf.op == "is_true") != negated, zh(language)
    steps = [_step(step, language, names) for step in terms["steps"]]
    days = terms.get("within_days")
    without = _unwanted(terms["without"], language, names) if "without" in terms else ""
    if chinese:
        text = f"{'' if holds else '没有'}先后" + "，再".join(steps)
        text += f"（首尾相隔不超过 {days} 天）" if days else ""
        return text + (f"，其间没有{without}" if without else "")
    text = ", then ".join(steps)
    text += f", all within {days} {'day' if days == 1 else 'days'}" if days else ""
    text += f", without {without} in between" if without else ""
    return text if holds else f"it never happened that they {text}"


def _step(step: Step, language: str, names: Names) -> str:
    return f"{did_what(step.names, language, names)}{where_words(step.where, language, names)}"


def _unwanted(step: Step, language: str, names: Names) -> str:
    return f"{'/'.join(f'“{name}”' for name in step.names)}{where_words(step.where, language, names)}"


def rank_sentence(leaf: Leaf, language: str, names: Names, negated: bool, threshold: Decimal | None) -> str | None:
    """Of `is_true` and `is_false`; with the threshold where one is frozen."""
    terms = fact_of(leaf).params
    if leaf.op not in {"is_true", "is_false"}:
        return None
    holds, chinese = (leaf.op == "is_true") != negated, zh(language)
    percent, what = value_words(terms["top_percent"], language), measured(terms, language, names)
    if chinese:
        frozen = f"，门槛 {value_words(threshold, language)}" if threshold is not None else ""
        return f"{what}{'' if holds else '不'}位于前 {percent}%{frozen}"
    frozen = f", the threshold being {value_words(threshold, language)}" if threshold is not None else ""
    return f"is {'' if holds else 'not '}in the top {percent} % by {what}{frozen}"


def sample_sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    terms = fact_of(leaf).params
    if leaf.op not in {"is_true", "is_false"}:
        return None
    holds, percent = (leaf.op == "is_true") != negated, value_words(terms["percent"], language)
    if zh(language):
        return f"{'属于' if holds else '不属于'} {percent}% 的随机样本（{terms['salt']}）"
    return f"is {'' if holds else 'not '}in the random {percent} % called {terms['salt']}"
