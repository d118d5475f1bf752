"""What a rule may call by name in one workspace: attributes, tags, events … Each app declares the kinds it owns."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from urm.rules.types import Typed

Key = str | int


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing with a name. `key` is what rules say, `id` what tables hold; `detail` belongs to the declaring app."""

    key: Key
    id: int | None = None
    label_en: str = ""
    label_zh: str = ""
    typed: Typed | None = None
    detail: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)

    def label(self, language: str) -> str:
        return (self.label_zh if language.startswith("zh") else self.label_en) or str(self.key)


Loader = Callable[[int], Iterable[Entry]]
_loaders: dict[str, Loader] = {}


def declare_names(kind: str, loader: Loader) -> None:
    """Say where the names of a kind come from: a function from tenant id to entries."""
    _loaders[kind] = loader


class Names:
    """The registry of one workspace, read lazily and kept for the life of this object (one request, one pass)."""

    def __init__(self, tenant_id: int, time_zone: str, given: Mapping[str, Iterable[Entry]] | None = None) -> None:
        self.tenant_id, self.time_zone = tenant_id, time_zone
        self.asked: set[str] = set()
        self._signatures: dict[str, int] = {}
        self._kinds: dict[str, dict[Key, Entry]] = {
            kind: {entry.key: entry for entry in entries} for kind, entries in (given or {}).items()
        }

    def watched(self) -> Names:
        """The same names; `asked` then says which kinds were looked at."""
        other = Names(self.tenant_id, self.time_zone)
        other._kinds, other._signatures = self._kinds, self._signatures
        return other

    def signature(self, kind: str) -> int:
        """Changes when any name of the kind or its type does, within the life of this process."""
        if kind not in self._signatures:
            self._signatures[kind] = hash(
                frozenset((entry.key, entry.id, entry.typed) for entry in self.all(kind).values())
            )
        return self._signatures[kind]

    def all(self, kind: str) -> dict[Key, Entry]:
        self.asked.add(kind)
        if kind not in self._kinds:
            loader = _loaders.get(kind)
            self._kinds[kind] = {entry.key: entry for entry in loader(self.tenant_id)} if loader else {}
        return self._kinds[kind]

    def find(self, kind: str, key: Key) -> Entry | None:
        return self.all(kind).get(key)


def nearest(word: object, known: Iterable[object]) -> str | None:
    """The known word most like the given one, or None when none is near."""
    candidates = [str(item) for item in known]
    found = difflib.get_close_matches(str(word)[:64], candidates, n=1, cutoff=0.6)
    return found[0] if found else None
