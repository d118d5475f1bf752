"""What an editor is told: everything that is declared, and nothing that is not."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from urm.rules import Fact, Names, Operand, Parameter, Variant, declare, facts
from urm.rules.describe import FEW, describe, options_of
from urm.rules.names import Entry
from urm.rules.sqltext import Sql
from urm.rules.types import OPERATORS, Kind, Typed


@pytest.fixture
def shoe_size() -> Iterator[Fact]:
    fact = Fact(
        key="shoe_size",
        label_en="shoe size",
        label_zh="鞋码",
        parameters=(Parameter("foot", lambda reader, raw, path: raw, lambda names: {"enum": ["left", "right"]}),),
        typed=lambda terms, names: Typed(Kind.NUMBER),
        variants=lambda names: [Variant(Typed(Kind.NUMBER))],
        sql=lambda terms, plan: Operand(Sql("42"), Kind.NUMBER),
        changes=lambda terms, names: frozenset(),
    )
    declare(fact)
    yield fact
    facts()  # the registry is one for the process: what this test put there goes
    from urm.rules.facts import _facts  # noqa: PLC0415 - nothing else may take a fact away

    del _facts["shoe_size"]


def test_new_fact_is_described_by_its_declaration_alone(names: Names, shoe_size: Fact) -> None:
    with translation.override("zh-hans"):
        described = {fact["key"]: fact for fact in describe(names)["facts"]}
    assert described["shoe_size"] == {
        "key": "shoe_size",
        "label": "鞋码",
        "parameters": [
            {
                "name": "foot",
                "label": "foot",
                "required": True,
                "kind": "choice",
                "options": [{"value": "left", "label": "left"}, {"value": "right", "label": "right"}],
            }
        ],
        "variants": [{"kind": "number", "match": {}, "absent": []}],
    }


def test_every_fact_and_operator_is_described(names: Names) -> None:
    described = describe(names)
    assert [fact["key"] for fact in described["facts"]] == [*facts()]
    assert {kind: [one["value"] for one in ops] for kind, ops in described["operators"].items()} == {
        kind.value: [*ops] for kind, ops in OPERATORS.items()
    }


@pytest.mark.parametrize(
    ("language", "label"),
    [
        ("en", {"gte": "is at least", "between": "is between … and …"}),
        ("zh-hans", {"gte": "不少于", "between": "在 … 到 … 之间"}),
    ],
)
def test_operators_read_with_their_value_left_open(names: Names, language: str, label: dict[str, str]) -> None:
    with translation.override(language):
        operators = {one["value"]: one["label"] for one in describe(names)["operators"]["number"]}
    assert {op: operators[op] for op in label} == label


def test_parameters_say_what_they_ask_for(names: Names) -> None:
    event = next(fact for fact in describe(names)["facts"] if fact["key"] == "event")
    assert [(one["name"], one["kind"], one["required"]) for one in event["parameters"]] == [
        ("name", "names", True),
        ("measure", "measure", True),
        ("where", "where", False),
        ("window", "window", False),
    ]
    assert (event["parameters"][0]["of"], event["parameters"][0]["many"]) == ("event", True)


def test_many_names_are_left_to_be_asked_for() -> None:
    many = Names(1, "UTC", {"tag": [Entry(f"tag {n}", n) for n in range(FEW + 1)]})
    assert len(options_of("tag", many)) == FEW + 1
    known: dict[str, list[Entry]] = {
        kind: []
        for kind in ("event", "attribute", "segment", "stage", "survey", "question", "tier", "score", "campaign")
    }
    many = Names(1, "UTC", {**known, "tag": [Entry(f"tag {n}", n) for n in range(FEW + 1)]})
    tag = next(fact for fact in describe(many)["facts"] if fact["key"] == "tag")
    assert (tag["parameters"][0]["options"], tag["parameters"][0]["more"]) == ([], True)
