"""Who a rule holds for, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import get_language

from members.models import Member, MemberState
from members.queries import in_segment, live_members
from segments.models import Segment
from urm.rules import Explanation, Names, Rule, Scope, check, compile_rules, explain, facts, matching_members, words
from urm.rules.sqltext import sql
from urm.rules.tree import FactTerm, Node, leaves
from urm.rules.workspace import current_names, fetch

SAMPLE = 10


@dataclass(frozen=True, slots=True)
class SampleMember:
    id: int
    external_id: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Preview:
    """`words` in the language of the request; `as_of` is what the events were read at. Profile, attributes, tags,
    consent, stage and points are always read as they are now: if a moment was asked for, `read_now` names those that
    the rule reads."""

    count: int
    sample: tuple[SampleMember, ...]
    words: str
    as_of: datetime
    read_now: tuple[str, ...] = ()


def preview(rule: Mapping[str, Any], as_of: datetime | None = None, *, names: Names | None = None) -> Preview:
    """How many members a rule holds for, the first few of them, and the rule in words. Raises RuleError."""
    names = names or current_names()
    checked, moment = check(rule, names), as_of or timezone.now()
    compiled = compile_rules([checked.node], names, Scope(names.tenant_id, names.time_zone, moment))
    # One pass for both: the sample is the first ids of those that are counted.
    counted = sql(
        f"SELECT count(*), (array_agg(id ORDER BY id))[1:{SAMPLE}] FROM (SELECT m.id {{}} AND {{}} AND {{}} IS TRUE) r",
        compiled.from_clause, compiled.alive, compiled.conditions[0],
    )  # fmt: skip
    ((count, ids),) = fetch(counted)
    sample = Member.objects.filter(pk__in=ids or []).order_by("pk")
    return Preview(
        count,
        tuple(SampleMember(member.pk, member.external_id, str(member)) for member in sample),
        words(checked, get_language() or "en", names),
        moment,
        tuple(sorted(read_now(checked.node, names))) if as_of is not None else (),
    )


def read_now(node: Node, names: Names) -> set[str]:
    """The facts that are read as they are now, whatever `as_of` is; those of segments that the rule refers to too."""
    found = set()
    for leaf in leaves(node):
        assert isinstance(leaf.subject, FactTerm)
        key = leaf.subject.fact
        entry = names.find("segment", leaf.subject.params["id"]) if key == "segment" else None
        if entry is not None and entry.detail["kind"] == Segment.Kind.DYNAMIC:
            found |= read_now(check(entry.detail["rule"], names).node, names)
        elif not facts()[key].obeys_as_of:
            found.add(key)
    return found


def matching_external_ids(rule: Mapping[str, Any], as_of: datetime | None = None) -> list[str]:
    """The external ids of all members the rule holds for, sorted by code point. Raises RuleError."""
    names = current_names()
    scope = Scope(names.tenant_id, names.time_zone, as_of or timezone.now())
    matching = matching_members(check(rule, names).node, names, scope, "m.external_id")
    return sorted(external_id for (external_id,) in fetch(matching) if external_id is not None)


def explain_rule(rule: Rule, member: Member, names: Names, as_of: datetime | None = None) -> Explanation:
    return explain(
        rule,
        member_id=member.pk,
        names=names,
        as_of=as_of or timezone.now(),
        language=get_language() or "en",
        fetch=fetch,
    )


def explain_membership(segment: Segment, member: Member) -> Explanation:
    """Why the member is in the segment or not, condition by condition, as of now. Raises RuleError when the stored
    rule no longer checks."""
    names = current_names()
    rule: Mapping[str, Any] = segment.rule
    if segment.kind == Segment.Kind.STATIC:
        rule = {"fact": "segment", "id": segment.pk, "op": "is_true"}
    return explain_rule(check(rule, names), member, names)


def rule_in_words(rule: Mapping[str, Any], language: str | None = None, *, names: Names | None = None) -> str:
    """The rule as one sentence. Raises RuleError."""
    names = names or current_names()
    return words(check(rule, names), language or get_language() or "en", names)


def members_of(segment: Segment) -> QuerySet[Member]:
    """The live members that are in the segment now."""
    return in_segment(segment.pk, live_members())


def segments_of(member: Member) -> list[Segment]:
    """The segments a member is in now, by name."""
    state = MemberState.objects.filter(member_id=member.pk).first()
    return list(Segment.objects.filter(pk__in=state.segment_ids).order_by("name")) if state else []
