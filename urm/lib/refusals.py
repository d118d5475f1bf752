"""What is wrong with a value, in the language of whoever reads it: now, or later when it was stored."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, override


class RefusalError(ValueError):
    """An English source from the catalogue (`gettext_noop`) and the values that it names; str() translates it.

    A value may be a lazy translation. `stored` is JSON, which `shown` reads.
    """

    def __init__(self, text: str, **values: Any) -> None:
        super().__init__(text)
        self.text = text
        self.values = values

    def __str__(self) -> str:
        return shown(*self.stored)

    @property
    def stored(self) -> tuple[str, dict[str, Any]]:
        return self.text, {name: _source(value) for name, value in self.values.items()}


def shown(text: str, values: Mapping[str, Any] | None = None) -> str:
    """A stored refusal in the active language."""
    if not text or not values:
        return gettext(text) if text else ""
    return gettext(text) % {name: _named(value) for name, value in values.items()}


def _named(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    source = value["text"]
    return gettext(source)


def _source(value: Any) -> Any:
    if not isinstance(value, Promise):
        return value
    with override(None):
        return {"text": str(value)}
