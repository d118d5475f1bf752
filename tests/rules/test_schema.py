"""The published schema accepts what the checker accepts."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from tests.rules import world as w
from urm.rules import Names, RuleError, check, json_schema

known: dict[int, jsonschema.Draft202012Validator] = {}  # by the names of one test: made once for all examples
AS_OF, ZONE = w.MOMENTS[0], "America/New_York"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=w.rules(AS_OF, ZONE))
def test_schema_accepts_every_good_rule(names: Names, rule: dict[str, Any]) -> None:
    source = check(rule, names).source
    known.setdefault(id(names), jsonschema.Draft202012Validator(json_schema(names))).validate(
        json.loads(json.dumps(source))
    )


@pytest.mark.parametrize(
    "rule",
    [
        {"fact": "tag", "name": "unheard", "op": "is_true"},
        {"fact": "tag", "name": "vip", "op": "eq", "value": 1},
        {"fact": "event", "name": "purchase", "measure": "count", "op": "gte"},
        {"fact": "event", "name": "purchase", "measure": "first", "op": "gte", "value": 1},
        {"fact": "event", "name": "purchase", "measure": "count", "window": {"weeks": 1}, "op": "gte", "value": 1},
        {"fact": "attribute", "name": "level", "op": "eq", "value": "unheard"},
        {"all": [], "any": []},
        {"all": [{"fact": "tag", "name": "vip", "op": "is_true", "extra": 1}]},
    ],
)
def test_schema_and_checker_refuse(names: Names, rule: dict[str, Any]) -> None:
    with pytest.raises(RuleError):
        check(rule, names)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(rule, json_schema(names))


def test_schema_is_itself_valid(names: Names) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(names))
