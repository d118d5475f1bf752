"""A rule in plain words, English or Chinese. Facts read themselves; this joins what they say."""

from __future__ import annotations

from urm.rules.facts import facts
from urm.rules.names import Names
from urm.rules.tree import AllOf, AnyOf, FactTerm, Leaf, Node, Not, Rule
from urm.rules.words.phrases import condition_words, noun_of, zh

__all__ = ["condition_words", "leaf_words", "noun_of", "words"]


def words(rule: Rule | Node, language: str, names: Names) -> str:
    """One sentence without a full stop."""
    return _node(rule.node if isinstance(rule, Rule) else rule, language, names, nested=False)


def leaf_words(leaf: Leaf, language: str, names: Names, *, negated: bool = False) -> str | None:
    """One condition; None when it has no wording of its own for the negation that is asked for."""
    if not isinstance(leaf.subject, FactTerm):
        text: str | None = condition_words(leaf.subject.name, leaf, language)
    else:
        fact = facts()[leaf.subject.fact]
        text = fact.sentence(leaf, language, names, negated) if fact.sentence else None
        if text is not None:
            return text
        text = condition_words(noun_of(fact, leaf.subject.params, language, names), leaf, language)
    return None if negated else text


def _node(node: Node, language: str, names: Names, *, nested: bool) -> str:
    if isinstance(node, Leaf):
        return leaf_words(node, language, names) or ""
    if isinstance(node, Not):
        return _negation(node, language, names)
    if not node.rules:
        return _NOTHING[zh(language)][isinstance(node, AllOf)]
    parts = [_node(child, language, names, nested=len(node.rules) > 1) for child in node.rules]
    if zh(language):
        text = ("，或" if isinstance(node, AnyOf) else "，且").join(parts)
        return f"（{text}）" if nested and len(parts) > 1 else text
    text = (", or " if isinstance(node, AnyOf) else ", and ").join(parts)
    return f"({text})" if nested and len(parts) > 1 else text


_NOTHING = (("is no member at all", "is any member"), ("没有会员", "任何会员"))


def _negation(node: Not, language: str, names: Names) -> str:
    own = leaf_words(node.rule, language, names, negated=True) if isinstance(node.rule, Leaf) else None
    if own is not None:
        return own
    inner = _node(node.rule, language, names, nested=False)
    return f"并非（{inner}）" if zh(language) else f"it is not so that ({inner})"
