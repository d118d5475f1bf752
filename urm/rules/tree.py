"""The checked rule: a tree of frozen, hashable nodes. Only the checker builds it, so whoever walks it may trust it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from urm.rules.types import Kind, Value


@dataclass(frozen=True, slots=True)
class Params(Mapping[str, Any]):
    """A fact's checked parameters: a hashable mapping; one not given and without default is absent."""

    items_: tuple[tuple[str, Any], ...] = ()

    def __getitem__(self, name: str) -> Any:
        for key, value in self.items_:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.items_)

    def __len__(self) -> int:
        return len(self.items_)


@dataclass(frozen=True, slots=True)
class FactTerm:
    """A fact with its parameters, as one leaf asks for it."""

    fact: str
    params: Params
    kind: Kind


@dataclass(frozen=True, slots=True)
class Prop:
    """A property of an event inside `where`; no kind when only its presence is asked for."""

    name: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Leaf:
    subject: FactTerm | Prop
    op: str
    value: Value = None
    ignore_case: bool = False
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    rules: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    rules: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    rule: Node


Node = AllOf | AnyOf | Not | Leaf


@dataclass(frozen=True)
class Rule:
    """A checked rule: its tree, and the JSON to store (always with `version`)."""

    node: Node
    source: dict[str, Any] = field(compare=False)


def leaves(node: Node) -> Iterator[Leaf]:
    """Every condition of the tree, left to right, without those inside a `where`."""
    if isinstance(node, Leaf):
        yield node
    elif isinstance(node, Not):
        yield from leaves(node.rule)
    else:
        for child in node.rules:
            yield from leaves(child)
