"""The `sample` fact: a random share of the members that stays the same for as long as its salt does."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from urm.rules.check import Reader
from urm.rules.facts import Depends, Fact, Parameter, Variant
from urm.rules.literals import read_number, read_text
from urm.rules.names import Names
from urm.rules.operands import Operand
from urm.rules.plan import Plan
from urm.rules.sqltext import param, sql
from urm.rules.tree import Params
from urm.rules.types import Kind, Typed
from urm.rules.words.sequences import sample_sentence

MAX_SALT = 100
PERCENT: Mapping[str, Any] = {"type": "number", "exclusiveMinimum": 0, "maximum": 100}


def sample_fact() -> Fact:
    return Fact(
        key="sample",
        label_en="random sample",
        label_zh="随机样本",
        parameters=(
            Parameter("percent", read_percent, lambda names: PERCENT),
            Parameter(
                "salt",
                lambda reader, raw, path: read_text(reader, raw, path, MAX_SALT),
                lambda names: {"type": "string", "maxLength": MAX_SALT},
            ),
        ),
        typed=lambda terms, names: Typed(Kind.BOOLEAN),
        variants=lambda names: [Variant(Typed(Kind.BOOLEAN))],
        sql=_operand,
        changes=_nothing,
        obeys_as_of=True,
        sentence=sample_sentence,
    )


def read_percent(reader: Reader, raw: Any, path: str) -> Decimal | None:
    """Above 0 and up to 100, with at most two decimals."""
    number = read_number(reader, raw, path)
    if number is None:
        return None
    if 0 < number <= 100 and number * 100 == int(number * 100):
        return number
    reader.problem(path, _("expected a percentage above 0 and up to 100, with at most two decimals"), "bad_percent")
    return None


def _nothing(terms: Params, names: Names) -> Depends:
    return frozenset()


def _operand(terms: Params, plan: Plan) -> Operand:
    """The first eight bytes of SHA-256("salt:id"), unsigned, mod 10,000: 2^32 is 7,296 mod 10,000."""
    digest = sql("encode(sha256(convert_to({} || ':' || m.id, 'UTF8')), 'hex')", param(terms["salt"]))
    high, low = (sql(f"('x' || substr({{}}, {start}, 8))::bit(32)::bigint", digest) for start in (1, 9))
    limit = int(terms["percent"] * 100)
    return Operand(sql(f"(({{}} %% 10000 * 7296 + {{}}) %% 10000 < {limit})", high, low), Kind.BOOLEAN)
