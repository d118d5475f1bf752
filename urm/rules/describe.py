"""The language as an editor needs it, from the declarations alone: a fact that is declared can be edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from urm.rules.check import AMOUNT
from urm.rules.eventfact import OF_PROPERTY, SIMPLE
from urm.rules.facts import Fact, Parameter, Variant, facts
from urm.rules.limits import MAX_DEPTH, MAX_LEAVES
from urm.rules.names import Entry, Names
from urm.rules.types import OPERATORS, Kind, Typed
from urm.rules.windows import Calendar
from urm.rules.words.phrases import operator_words, zh

FEW = 40  # so many names go into a plain list; of more, an editor asks for what is typed

_PARAMETERS: Mapping[str, Any] = {
    "name": _("which"), "id": _("which"), "what": _("what about it"), "measure": _("measured as"),
    "where": _("only those with"), "window": _("when"), "channel": _("channel"), "purpose": _("purpose"),
    "question": _("question"), "steps": _("steps"), "within_days": _("within days"), "without": _("without in between"),
    "top_percent": _("top percent"), "percent": _("percent"), "salt": _("salt"), "campaign": _("campaign"),
}  # fmt: skip
_WORDS: Mapping[str, Any] = {
    "email": _("e-mail"), "sms": _("SMS"), "push": _("push"), "since": _("since when"), "previous": _("the one before"),
    "answer": _("answer"), "answered_at": _("when answered"), "nps": _("NPS"), "female": _("female"), "male": _("male"),
    "other": _("other"), "unknown": _("unknown"), "sent": _("sent"), "opened": _("opened"), "clicked": _("clicked"),
    "delivered": _("delivered"), "bounced": _("bounced"), "marketing": _("marketing"), "wechat": _("WeChat"),
    "webhook": _("webhook"), "inbox": _("inbox"),
}  # fmt: skip
_MEASURES: Mapping[str, Any] = {
    "count": _("number of times"), "days": _("number of different days"), "first": _("the first time"),
    "last": _("the last time"), "days_since_last": _("days since the last time"), "sum": _("total of"),
    "avg": _("average of"), "min": _("smallest"), "max": _("largest"), "distinct": _("number of different"),
}  # fmt: skip
_CALENDAR: Mapping[Calendar, Any] = {
    Calendar.TODAY: _("today"), Calendar.YESTERDAY: _("yesterday"), Calendar.THIS_WEEK: _("this week"),
    Calendar.LAST_WEEK: _("last week"), Calendar.THIS_MONTH: _("this month"), Calendar.LAST_MONTH: _("last month"),
    Calendar.THIS_QUARTER: _("this quarter"), Calendar.LAST_QUARTER: _("last quarter"),
    Calendar.THIS_YEAR: _("this year"), Calendar.LAST_YEAR: _("last year"),
}  # fmt: skip

# How an entry is called in an editor; the app above may know better words than the entry's own label.
Titles = Callable[[str, Entry], str]


def describe(names: Names, titles: Titles | None = None) -> dict[str, Any]:
    """Facts with parameters, types and choices, and the operators by type, in the language of the request.

    A parameter has `kind` (`names`, `choice`, `window`, `where`, `measure` or `schema`), with `names` also `of` (which
    names) and `many`. `options` are {value, label}; `more` says that there are others to be asked for."""
    return {
        "facts": [_fact(fact, names, titles) for fact in facts().values()],
        "operators": {
            kind.value: [
                {"value": op, "label": operator_words(kind, op, _language()), "shape": shape.value}
                for op, shape in operators.items()
            ]
            for kind, operators in OPERATORS.items()
        },
        "measures": [
            *({"value": word, "label": str(_MEASURES[word]), "prop": False} for word in SIMPLE),
            *({"value": word, "label": str(_MEASURES[word]), "prop": True} for word in OF_PROPERTY),
        ],
        "calendar": [{"value": word.value, "label": str(_CALENDAR[word])} for word in Calendar],
        # The types a property may be asked for in a `where`; the literal says which one is meant.
        "props": [kind.value for kind in (Kind.TEXT, Kind.NUMBER, Kind.DATETIME, Kind.BOOLEAN, Kind.LIST)],
        "amount": AMOUNT,
        "limits": {"depth": MAX_DEPTH, "conditions": MAX_LEAVES},
    }


def options_of(kind: str, names: Names, titles: Titles | None = None) -> list[dict[str, Any]]:
    """All names of a kind by title, without those that are `hidden`. An entry that belongs to another kind of name (a
    question to its survey) says so in `of`."""
    found = []
    for entry in names.all(kind).values():
        if entry.detail.get("hidden"):
            continue
        title = titles(kind, entry) if titles else entry.label(_language())
        option: dict[str, Any] = {"value": entry.key, "label": title}
        if belongs := {key: entry.detail[key] for key in _owners() if key in entry.detail}:
            option["of"] = belongs
        found.append(option)
    return sorted(found, key=lambda option: str(option["label"]).lower())


def _owners() -> set[str]:
    """The kinds of names that parameters ask for."""
    kinds = (parameter.kind for fact in facts().values() for parameter in fact.parameters)
    return {kind.removeprefix("names:") for kind in kinds if kind.startswith("names:")}


def _fact(fact: Fact, names: Names, titles: Titles | None) -> dict[str, Any]:
    return {
        "key": fact.key,
        "label": fact.label_zh if zh(_language()) else fact.label_en,
        "parameters": [_parameter(parameter, names, titles) for parameter in fact.parameters],
        "variants": [_variant(variant) for variant in fact.variants(names)],
    }


def _parameter(parameter: Parameter, names: Names, titles: Titles | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": parameter.name,
        "label": str(_PARAMETERS.get(parameter.name) or _spaced(parameter.name)),
        "required": parameter.required,
    }
    if parameter.default is not None:
        shown["default"] = parameter.default
    if parameter.kind.startswith("names:"):
        kind = parameter.kind.removeprefix("names:")
        options = options_of(kind, names, titles)
        # A list is allowed where the schema has an alternative that is one.
        many = "anyOf" in parameter.schema(names)
        few = len(options) <= FEW
        return {**shown, "kind": "names", "of": kind, "many": many, "options": options if few else [], "more": not few}
    if parameter.kind:
        return {**shown, "kind": parameter.kind}
    schema = parameter.schema(names)
    if "enum" in schema:
        options = [{"value": word, "label": _spaced(_word(word, parameter.labels))} for word in schema["enum"]]
        return {**shown, "kind": "choice", "options": options}
    return {**shown, "kind": "schema", "schema": _titled(schema)}


def _titled(schema: Any) -> Any:
    """A schema whose properties say how they are called."""
    if isinstance(schema, Mapping):
        shown = {key: _titled(value) for key, value in schema.items()}
        if "properties" in shown:
            for name, inner in shown["properties"].items():
                inner["title"] = str(_PARAMETERS.get(name) or _spaced(name))
        return shown
    return [_titled(item) for item in schema] if isinstance(schema, list | tuple) else schema


def _variant(variant: Variant) -> dict[str, Any]:
    typed: Typed = variant.typed
    shown: dict[str, Any] = {"kind": typed.kind.value, "match": variant.match, "absent": list(variant.absent)}
    if typed.choices is not None:
        shown["choices"] = [{"value": word, "label": _word(word, variant.labels)} for word in typed.choices]
    return shown


def _word(word: Any, labels: Mapping[str, tuple[str, str]]) -> str:
    return labels[word][zh(_language())] if word in labels else str(_WORDS.get(str(word), word))


def _spaced(word: str) -> str:
    return word.replace("_", " ")


def _language() -> str:
    return get_language() or "en"
