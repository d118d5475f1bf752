"""The JSON Schema of the rule language in one workspace, generated from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from urm.rules.check import AMOUNT, MAX_PROPERTY
from urm.rules.facts import Fact, Variant, facts
from urm.rules.limits import MAX_LEAVES
from urm.rules.literals import MAX_DAYS, MAX_LIST, MAX_TEXT
from urm.rules.names import Names
from urm.rules.patterns import MAX_LENGTH
from urm.rules.types import OPERATORS, VERSION, Kind, Shape, Typed

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "maxLength": MAX_TEXT}
_DATE: Schema = {"type": "string", "pattern": r"^[1-9]\d{3}-\d\d-\d\d$"}
_MOMENT: Schema = {
    "type": "string",
    "pattern": r"^[1-9]\d{3}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.]\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?$",
}


def json_schema(names: Names) -> Schema:
    """Draft 2020-12. What it cannot say — total size, depth, calendar validity of a date — the checker says."""
    conditions = [_condition(fact, variant, names) for fact in facts().values() for variant in fact.variants(names)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "URM rule",
        "allOf": [{"$ref": "#/$defs/rule"}],
        "properties": {"version": {"const": VERSION}},
        "$defs": {
            "rule": _group("rule", {"anyOf": conditions}),
            "where": _group("where", {"anyOf": _where_conditions()}),
        },
    }


def _group(name: str, leaf: Schema) -> Schema:
    nested = {"$ref": f"#/$defs/{name}"}
    many = {"type": "array", "items": nested, "maxItems": MAX_LEAVES}
    version = {"version": {"const": VERSION}} if name == "rule" else {}
    return {
        "anyOf": [
            *(
                {
                    "type": "object",
                    "properties": {key: inner, **version},
                    "required": [key],
                    "additionalProperties": False,
                }
                for key, inner in (("all", many), ("any", many), ("not", nested))
            ),
            leaf,
        ]
    }


def _condition(fact: Fact, variant: Variant, names: Names) -> Schema:
    properties: Schema = {"fact": {"const": fact.key, "title": fact.label_en}}
    required = ["fact"]
    for parameter in fact.parameters:
        if parameter.name in variant.absent:
            continue
        properties[parameter.name] = variant.match.get(parameter.name, parameter.schema(names))
        if parameter.required or parameter.name in variant.match:
            required.append(parameter.name)
    properties["version"] = {"const": VERSION}
    return _with_operators(properties, required, variant.typed)


def _where_conditions() -> list[Schema]:
    other = {"type": "string", "minLength": 1, "maxLength": MAX_PROPERTY, "not": {"const": AMOUNT}}
    kinds = [kind for kind in Kind if kind not in {Kind.CHOICE, Kind.DATE}]
    return [
        _with_operators({"prop": {"const": AMOUNT}}, ["prop"], Typed(Kind.NUMBER)),
        *(_with_operators({"prop": other}, ["prop"], Typed(kind)) for kind in kinds),
    ]


def _with_operators(properties: Schema, required: list[str], typed: Typed) -> Schema:
    """One alternative per shape of value."""
    shapes: dict[Shape, list[str]] = {}
    for op, shape in OPERATORS[typed.kind].items():
        shapes.setdefault(shape, []).append(op)
    return {"anyOf": [_shaped(properties, required, typed, shape, ops) for shape, ops in shapes.items()]}


def _shaped(properties: Schema, required: list[str], typed: Typed, shape: Shape, ops: list[str]) -> Schema:
    own: Schema = {**properties, "op": {"enum": ops}}
    needed = [*required, "op"]
    if shape is not Shape.NONE:
        own["value"] = _value(typed, shape)
        needed.append("value")
        if typed.kind is Kind.TEXT:
            own["ignore_case"] = {"type": "boolean"}
    return {"type": "object", "properties": own, "required": needed, "additionalProperties": False}


def _value(typed: Typed, shape: Shape) -> Mapping[str, Any]:
    one = _one(typed)
    match shape:
        case Shape.ONE:
            return one
        case Shape.PAIR:
            return {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
        case Shape.MANY:
            return {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_LIST}
        case Shape.DAYS:
            return {"type": "integer", "minimum": 0, "maximum": MAX_DAYS}
        case Shape.WEEKDAYS:
            day = {"type": "integer", "minimum": 1, "maximum": 7}
            return {"type": "array", "items": day, "minItems": 1, "maxItems": 7}
        case _:
            return {"type": "string", "maxLength": MAX_LENGTH}


def _one(typed: Typed) -> Schema:
    if typed.choices is not None:
        return {"enum": list(typed.choices)}
    return {Kind.NUMBER: {"type": "number"}, Kind.DATE: _DATE, Kind.DATETIME: _MOMENT}.get(typed.kind, _TEXT)
