"""A rule tried out while it is written: how many, who, and what each of its conditions lets through, in one statement.

In a large workspace the answer is an estimate from a sample of members, so that it comes within a second."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from members.models import Member
from segments.queries.membership import SAMPLE, SampleMember, read_now
from urm.rules import Names, Plan, Problem, RuleError, Scope, check, words
from urm.rules.sqltext import Sql, joined, sql
from urm.rules.tree import AllOf, Leaf, Node, Not, leaves
from urm.rules.workspace import fetch

LANGUAGES = ("en", "zh-hans")
EXACT_UP_TO = 30_000  # members; of more, a sample is counted unless an exact count is asked for
SAMPLED = 10_000
TIMEOUT_S = 8
MAX_CHAIN = 40  # conditions up to which “with all above” is counted: it costs the square of their number


@dataclass(frozen=True, slots=True)
class PartCount:
    """`path` as the checker says it. `alone` meet this part, `together` also all before it in the same “all”."""

    path: str
    alone: int
    together: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """`margin` is None for exact figures, otherwise half the width of a 95 % interval around `count`. `words` by
    language; `read_now` as in Preview."""

    count: int
    everybody: int
    margin: int | None
    sample: tuple[SampleMember, ...]
    words: dict[str, str]
    parts: tuple[PartCount, ...]
    as_of: datetime
    read_now: tuple[str, ...] = ()


def try_rule(rule: Mapping[str, Any], as_of: datetime | None = None, *, names: Names, exact: bool = False) -> Trial:
    """Raises RuleError; also, with the code `too_slow`, when counting takes longer than TIMEOUT_S."""
    checked, moment = check(rule, names), as_of or timezone.now()
    step = 1 if exact else _step()
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{TIMEOUT_S}s'")
            counts = _Counts(checked.node, names, moment, step)
    except OperationalError as error:
        raise RuleError([Problem("rule", _too_slow(), "too_slow")]) from error
    people = Member.objects.filter(pk__in=counts.ids).order_by("pk")
    return Trial(
        counts.scaled(counts.count),
        counts.scaled(counts.everybody),
        counts.margin(),
        tuple(SampleMember(member.pk, member.external_id, str(member)) for member in people),
        {language: words(checked, language, names) for language in LANGUAGES},
        counts.parts,
        moment,
        tuple(sorted(read_now(checked.node, names))) if as_of is not None else (),
    )


def _step() -> int:
    """One member in so many is looked at."""
    if Member.objects.all()[: EXACT_UP_TO + 1].count() <= EXACT_UP_TO:
        return 1
    return max(2, Member.objects.count() // SAMPLED)


def _too_slow() -> str:
    message = _(
        "Counting takes longer than %(limit)s seconds. The rule can be saved: it is computed in the background."
    )
    return message % {"limit": TIMEOUT_S}


class _Counts:
    """The one statement and what it found. With a `step` above 1 it looks at about one member in so many."""

    def __init__(self, node: Node, names: Names, as_of: datetime, step: int) -> None:
        self.step = step
        picked = Sql("")
        scope = Scope(names.tenant_id, names.time_zone, as_of)
        if step > 1:
            # By a hash of the id: the same members every time, and no relation to when they came.
            picked = Sql(
                "WITH picked AS MATERIALIZED (SELECT n.id AS member_id FROM members_member n"
                f" WHERE n.tenant_id = {int(names.tenant_id)} AND mod(hashint8(n.id), {int(step)}) = 0) "
            )
            scope = Scope(names.tenant_id, names.time_zone, as_of, Sql("picked"))
        plan = Plan(scope, names)
        self._columns = {leaf: f"c{index}" for index, leaf in enumerate(dict.fromkeys(leaves(node)))}
        holds = [sql(f"({{}}) IS TRUE AS {name}", plan.condition(leaf)) for leaf, name in self._columns.items()]
        parts = list(_parts(node, "", chain=len(self._columns) <= MAX_CHAIN))
        figures = []
        for _path, part, before in parts:
            figures.append(self._figure(part))
            if before is not None:
                figures.append(" AND ".join([self._figure(one) for one in before] + [self._figure(part)]))
        whole = self._figure(node)
        counted = "".join(f", count(*) FILTER (WHERE {figure})" for figure in figures)
        inner = sql(
            "SELECT {} {} AND {} OFFSET 0", joined(", ", [Sql("m.id"), *holds]), plan.from_clause(), plan.alive()
        )
        statement = sql(
            f"{{}}SELECT count(*), count(*) FILTER (WHERE {whole}),"
            f" (array_agg(id ORDER BY id) FILTER (WHERE {whole}))[1:{SAMPLE}]{counted} FROM ({{}}) r",
            picked, inner,
        )  # fmt: skip
        ((self.everybody, self.count, ids, *found),) = fetch(statement)
        self.ids: list[int] = ids or []
        answers = iter(found)
        self.parts = tuple(
            PartCount(
                path or "rule", self.scaled(next(answers)), None if before is None else self.scaled(next(answers))
            )
            for path, _part, before in parts
        )

    def scaled(self, count: int) -> int:
        return count * self.step

    def margin(self) -> int | None:
        """Half of a 95 % interval (normal approximation; of none found, the rule of three)."""
        if self.step == 1:
            return None
        share = self.count / self.everybody if self.everybody else 0.0
        spread = 1.96 * math.sqrt(self.everybody * share * (1 - share))
        return math.ceil(max(spread, 3.0) * self.step)

    def _figure(self, node: Node) -> str:
        if isinstance(node, Leaf):
            return self._columns[node]
        if isinstance(node, Not):
            return f"NOT {self._figure(node.rule)}"
        if not node.rules:
            return "true" if isinstance(node, AllOf) else "false"
        return f"({(' AND ' if isinstance(node, AllOf) else ' OR ').join(map(self._figure, node.rules))})"


def _parts(
    node: Node, path: str, *, chain: bool, before: tuple[Node, ...] | None = None
) -> Iterator[tuple[str, Node, tuple[Node, ...] | None]]:
    """Every part of the tree with its place and, inside an “all”, what stands before it there. A negation is one part
    with what it negates."""
    yield path, node, before
    inner, place = node, path
    while isinstance(inner, Not):
        inner, place = inner.rule, f"{place}.not" if place else "not"
    if isinstance(inner, Leaf):
        return
    key = "all" if isinstance(inner, AllOf) else "any"
    chained = chain and isinstance(inner, AllOf)
    for index, child in enumerate(inner.rules):
        where = f"{place}.{key}[{index}]" if place else f"{key}[{index}]"
        yield from _parts(child, where, chain=chain, before=inner.rules[:index] if chained else None)
