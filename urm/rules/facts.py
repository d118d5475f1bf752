"""The fact registry. A fact is declared once, by the app that owns it, and from the declaration alone come its checks,
its schema, its SQL, its words and what makes it change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import autodiscover_modules

from urm.rules.names import Names
from urm.rules.tree import Leaf, Node, Params
from urm.rules.types import Typed

if TYPE_CHECKING:
    from urm.rules.check import Reader
    from urm.rules.operands import Operand
    from urm.rules.plan import Plan
    from urm.rules.sqltext import Sql


@dataclass(frozen=True, slots=True)
class Parameter:
    """`read` turns JSON into a checked value, reporting problems to the reader; `schema` is its JSON Schema. An editor
    offers what `kind` says: `names:KIND` of the workspace, a `window`, a `where`, a `measure`; without it, what the
    schema allows. `labels` are (English, Chinese) of its words."""

    name: str
    read: Callable[[Reader, Any, str], Any]
    schema: Callable[[Names], Mapping[str, Any]]
    required: bool = True
    default: Any = None
    kind: str = ""
    labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Variant:
    """For the published schema and editors: with parameters like these (`absent` ones left out) the fact is of this
    type. `labels` are (English, Chinese) of its choices."""

    typed: Typed
    match: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)


Depends = frozenset[tuple[str, Any]]


@dataclass(frozen=True)
class Fact:
    """`changes` names what can change the fact: pairs such as ("event", name), ("tag", name), ("segment", id).
    `sentence(leaf, language, names, negated)` reads a whole condition, or returns None for the general wording, which
    then uses `noun`. `evidence` selects the event that decided the answer for one member, if there is such a thing.
    `wheres` are the conditions that the fact puts on events of a name. `refuse` looks at all parameters together: the
    name of the wrong one and what is wrong with it. Facts that do not obey `as_of` are read as they are now."""

    key: str
    label_en: str
    label_zh: str
    typed: Callable[[Params, Names], Typed]
    variants: Callable[[Names], Iterable[Variant]]
    sql: Callable[[Params, Plan], Operand]
    changes: Callable[[Params, Names], Depends]
    parameters: tuple[Parameter, ...] = ()
    noun: Callable[[Params, str, Names], str] | None = None
    sentence: Callable[[Leaf, str, Names, bool], str | None] | None = None
    evidence: Callable[[Params, Plan, int, Leaf], Sql] | None = None
    wheres: Callable[[Params, str], tuple[Node | None, ...]] = lambda terms, name: (terms.get("where"),)
    refuse: Callable[[Params, Names], tuple[str, str] | None] | None = None
    obeys_as_of: bool = False


_facts: dict[str, Fact] = {}
_discovered = False


def declare(fact: Fact) -> None:
    """Add a fact to the language; a key can be declared only once."""
    if fact.key in _facts and _facts[fact.key] is not fact:
        raise ValueError(f"fact {fact.key!r} is declared twice")
    _facts[fact.key] = fact


def facts() -> Mapping[str, Fact]:
    """All declared facts. The first call imports every installed app's `facts.py`."""
    global _discovered  # noqa: PLW0603 - once per process
    if not _discovered:
        _discovered = True
        autodiscover_modules("facts")
    return _facts
