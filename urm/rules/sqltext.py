"""SQL as a value: text with placeholders and its parameters, composed without ever quoting by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sql:
    text: str
    params: tuple[Any, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text)


def sql(template: str, *parts: Sql) -> Sql:
    """Fill each `{}` of a trusted template with a part; a literal percent sign is written `%%`."""
    return Sql(template.format(*(part.text for part in parts)), tuple(p for part in parts for p in part.params))


def param(value: object) -> Sql:
    return Sql("%s", (value,))


def params(values: Iterable[object], cast: str) -> Sql:
    """An array of parameters, typed: an empty one would have no type otherwise."""
    given = tuple(values)
    return Sql(f"ARRAY[{', '.join(['%s'] * len(given))}]::{cast}[]", given)


def joined(separator: str, parts: Iterable[Sql]) -> Sql:
    gathered = list(parts)
    return Sql(separator.join(part.text for part in gathered), tuple(p for part in gathered for p in part.params))


TRUE, FALSE, ONE = Sql("true"), Sql("false"), Sql("1")
