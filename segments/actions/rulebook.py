"""All rules of a workspace as one pass needs them: checked, and with those that other rules read inlined."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from members.facts import state_alias
from segments.facts import boolean_operand, stage_key
from segments.models import Ruled, Segment, Stage, TagRule
from urm.rules import Names, Operand, Plan, RuleError, check
from urm.rules.plan import Override
from urm.rules.sqltext import Sql, joined, param, sql
from urm.rules.tree import AnyOf, FactTerm, Leaf, Node, Params
from urm.rules.types import Kind

log = structlog.get_logger()


@dataclass
class RuleBook:
    """`segments`, `tags` and `stages` are the rules to compute, by id and in ascending order (stages in the order in
    which they are tried). `unmanaged_segments` says whether there are others whose members stay as they are."""

    names: Names
    segments: dict[int, Node] = field(default_factory=dict)
    tags: dict[int, Node] = field(default_factory=dict)
    stages: dict[int, Node] = field(default_factory=dict)
    unmanaged_segments: bool = False
    broken: list[Ruled] = field(default_factory=list)
    kept: dict[int, Node] = field(default_factory=dict)  # the bare rules of tags that stay on for some days
    _tag_rules: dict[str, tuple[int, Node]] = field(default_factory=dict)
    _stage_rules: dict[int, Node] = field(default_factory=dict)

    def overrides(self) -> Mapping[str, Override]:
        """Tags and the stage as this very pass will find them, not as an earlier one left them."""
        return {"tag": self._tag, "stage": self._stage, _KEPT: self._keeps}

    def stage_id(self, plan: Plan, stages: Mapping[int, Node]) -> Sql:
        """The first stage whose rule holds."""
        if not stages:
            return Sql("NULL::int")
        cases = [sql(f"WHEN {{}} THEN {stage_id}", plan.condition(node)) for stage_id, node in stages.items()]
        return sql("CASE {} END", joined(" ", cases))

    def _tag(self, terms: Params, plan: Plan) -> Operand | None:
        if terms["name"] not in self._tag_rules:
            return None
        tag_id, node = self._tag_rules[terms["name"]]
        with plan.inside("tag", terms["name"]):
            held = boolean_operand(node, plan)
        if "what" not in terms:
            return held
        before = Sql(f"{tag_id} = ANY({state_alias(plan)}.tag_ids)")
        since = sql(
            "(SELECT max(c.at) FROM segments_change c WHERE c.tenant_id = {} AND c.member_id = m.id AND c.kind = 'tag'"
            f" AND c.target_id = {tag_id} AND c.entered)",
            plan.scope.tenant,
        )
        now = param(plan.scope.as_of)
        value = sql("CASE WHEN NOT {} THEN NULL WHEN {} THEN {} ELSE {} END", held.sql, before, since, now)
        return Operand(value, Kind.DATETIME, changes_at=held.changes_at)

    def _keeps(self, terms: Params, plan: Plan) -> Operand:
        """Whether a member keeps a tag whose rule has ceased to hold. Who ceases in this very pass has no row yet: the
        days begin now."""
        tag_id, days = int(terms["tag"]), int(terms["days"])
        had, row = self.had(plan, tag_id), kept_alias(plan, tag_id)
        now = sql("{}::timestamptz", param(plan.scope.as_of))
        until = sql(f"COALESCE({row}.until, {{}} + interval '{days} days')", now)
        ends = sql("CASE WHEN {} AND {} IS NOT TRUE AND {} > {} THEN {} END",
                   had, plan.condition(self.kept[tag_id]), until, now, until)  # fmt: skip
        return Operand(sql("({} AND {} > {})", had, until, now), Kind.BOOLEAN, changes_at=(ends,))

    def had(self, plan: Plan, tag_id: int) -> Sql:
        return Sql(f"COALESCE({int(tag_id)} = ANY({state_alias(plan)}.tag_ids), false)")

    def _stage(self, terms: Params, plan: Plan) -> Operand | None:
        if not self._stage_rules:
            return None
        with plan.inside("stage", ""):
            stage_id = self.stage_id(plan, self._stage_rules)
            moments = tuple(
                dict.fromkeys(moment for node in self._stage_rules.values() for moment in plan.moments(node))
            )
        state = state_alias(plan)
        moved = sql(f"{{}} IS DISTINCT FROM {state}.stage_id", stage_id)
        if terms.get("what") == "since":
            since = sql(f"CASE WHEN {{}} THEN {{}} ELSE {state}.stage_since END", moved, param(plan.scope.as_of))
            return Operand(since, Kind.DATETIME, changes_at=moments)
        if terms.get("what") == "previous":
            stage_id = sql(f"CASE WHEN {{}} THEN {state}.stage_id ELSE {state}.previous_stage_id END", moved)
        return Operand(stage_key(stage_id, plan.names), Kind.CHOICE, changes_at=moments)


def read_rules(names: Names, *, stale: bool | None) -> RuleBook:
    """The rules to compute: those that are up to date (`stale=False`), those waiting (True), or all (None). Broken
    ones are left out, so that their members stay."""
    book = RuleBook(names)

    def wanted(row: Ruled) -> bool:
        return stale is None or row.stale == stale

    segments = Segment.objects.order_by("id")
    if stale:
        # What others depend on is inlined by its own fact; only rule-driven tags and stages are needed in full.
        segments, book.unmanaged_segments = segments.filter(stale=True), segments.filter(stale=False).exists()
    for segment in segments:
        rule = segment.rule if segment.kind == Segment.Kind.DYNAMIC else None
        node = _static(segment.pk) if rule is None else _checked(segment, rule, book)
        if node is not None and wanted(segment):
            book.segments[segment.pk] = node
        else:
            book.unmanaged_segments = True
    for tag_rule in TagRule.objects.select_related("tag").order_by("tag_id"):
        node = _checked(tag_rule, tag_rule.rule, book)
        if node is None:
            continue
        if tag_rule.keep_days and not tag_rule.stale:  # under another rule the tag goes at once
            book.kept[tag_rule.tag_id] = node
            node = AnyOf((node, _kept_leaf(tag_rule.tag_id, tag_rule.keep_days)))
        book._tag_rules[tag_rule.tag.name] = (tag_rule.tag_id, node)
        if wanted(tag_rule):
            book.tags[tag_rule.tag_id] = node
    stages = list(Stage.objects.order_by("position", "id"))
    # The first that holds decides, so one stage cannot be computed without the others.
    take_stages = any(wanted(stage) for stage in stages) if stale else all(wanted(stage) for stage in stages)
    for stage in stages:
        node = _checked(stage, stage.rule, book)
        if node is not None:
            book._stage_rules[stage.pk] = node
    if take_stages:
        book.stages = dict(book._stage_rules)
    return book


_KEPT = "kept tag"  # no fact of the language: only the book knows it


def _kept_leaf(tag_id: int, days: int) -> Node:
    return Leaf(FactTerm(_KEPT, Params((("tag", tag_id), ("days", days))), Kind.BOOLEAN), "is_true")


def kept_alias(plan: Plan, tag_id: int) -> str:
    return plan.join(
        f"kept tag {tag_id}",
        f"LEFT JOIN segments_kepttag ALIAS ON ALIAS.tenant_id = {{}} AND ALIAS.member_id = m.id"
        f" AND ALIAS.tag_id = {int(tag_id)}",
        plan.scope.tenant,
    )


def _static(segment_id: int) -> Node:
    return Leaf(FactTerm("segment", Params((("id", segment_id),)), Kind.BOOLEAN), "is_true")


# Checked rules by their text, with what the names they were checked against were then.
_known: dict[tuple[int, bytes], tuple[Node, dict[str, int]]] = {}
_MAX_KNOWN = 20_000


def _checked(row: Ruled, rule: Mapping[str, Any], book: RuleBook) -> Node | None:
    key = (book.names.tenant_id, orjson.dumps(rule))
    known = _known.get(key)
    if known is not None and all(book.names.signature(kind) == was for kind, was in known[1].items()):
        return known[0]
    try:
        names = book.names.watched()
        node = check(rule, names).node
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[key] = (node, {kind: names.signature(kind) for kind in names.asked})
        return node
    except RuleError as error:
        row.problem = str(error)
        book.broken.append(row)
        return None


def note_problems(book: RuleBook) -> None:
    """Let broken rules say why they are."""
    for row in book.broken:
        log.warning("segments.broken_rule", rule=f"{row._meta.label} {row.pk}", problem=row.problem)
        row.save(update_fields=["problem"])


def settle(book: RuleBook) -> None:
    """What was computed is no longer stale; what is broken has nothing to wait for."""
    rows: list[tuple[type[Ruled], list[int]]] = [
        (Segment, list(book.segments)),
        (TagRule, list(book.tags)),
        (Stage, list(book.stages)),
    ]
    for model, ids in rows:
        if ids:
            model.objects.filter(pk__in=ids, stale=True).update(stale=False, problem="")
    for row in book.broken:
        type(row).objects.filter(pk=row.pk, stale=True).update(stale=False)
