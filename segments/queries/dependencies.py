"""One graph of "depends on": segments, rule-driven tags, stages, and the platform's own events about them."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from segments.events import SegmentEntered, SegmentLeft, StageChanged
from segments.models import Segment, Stage, TagRule
from urm.rules import Names, Problem, RuleError, check, facts
from urm.rules.tree import AllOf, FactTerm, Leaf, Node, Prop, leaves

# ("segment", id), ("tag", name) or ("stage", None): the stages are one thing, since the first that holds decides.
Target = tuple[str, Any]
STAGES: Target = ("stage", None)
MAX_CHAIN = 8

_SEGMENT_EVENTS = {SegmentEntered.name, SegmentLeft.name}
_TAG_EVENTS = {"urm.tag.added", "urm.tag.removed"}


def refuse_circle(target: Target, rules: list[Node], names: Names) -> None:
    """Raise RuleError, with the path, when these rules of `target` would lead back to it, or a chain is too long."""
    graph = {**_graph(names), target: _targets(rules, names)}
    path = _circle(target, graph, [target])
    if path:
        shown = " → ".join(_title(step, names) for step in path)
        raise RuleError([Problem("rule", _("the rule depends on itself: %(path)s") % {"path": shown}, "cycle")])
    if _chain(target, graph) > MAX_CHAIN:
        message = _("more than %(limit)s rules refer to one another in a row") % {"limit": MAX_CHAIN}
        raise RuleError([Problem("rule", message, "too_deep")])


def dependents_of(target: Target, names: Names) -> set[Target]:
    """All that changes when the rule of `target` does, directly or through others."""
    graph = _graph(names)
    found: set[Target] = set()
    reached = {target}
    while reached:
        reached = {one for one, needs in graph.items() if needs & reached} - found - {target}
        found |= reached
    return found


def _graph(names: Names) -> dict[Target, frozenset[Target]]:
    """Rules that no longer check depend on nothing: they are not computed."""
    graph: dict[Target, frozenset[Target]] = {}
    for segment in Segment.objects.filter(kind=Segment.Kind.DYNAMIC):
        graph["segment", segment.pk] = _targets(_nodes(segment.rule, names), names)
    for rule in TagRule.objects.select_related("tag"):
        graph["tag", rule.tag.name] = _targets(_nodes(rule.rule, names), names)
    graph[STAGES] = _targets([node for stage in Stage.objects.all() for node in _nodes(stage.rule, names)], names)
    return graph


def _nodes(rule: Mapping[str, Any], names: Names) -> list[Node]:
    try:
        return [check(rule, names).node]
    except RuleError:
        return []


def _targets(rules: list[Node], names: Names) -> frozenset[Target]:
    return frozenset(target for node in rules for leaf in leaves(node) for target in _of_leaf(leaf, names))


def _of_leaf(leaf: Leaf, names: Names) -> Iterator[Target]:
    assert isinstance(leaf.subject, FactTerm)
    fact = facts()[leaf.subject.fact]
    for kind, key in fact.changes(leaf.subject.params, names):
        if kind == "stage":
            yield STAGES
        elif kind in {"segment", "tag"}:
            yield kind, key
        elif kind == "event":
            for where in fact.wheres(leaf.subject.params, key):
                yield from _of_event(key, where, names)


def _of_event(name: str, where: Node | None, names: Names) -> Iterator[Target]:
    """What the platform says about its own decisions; a `where` may narrow it to one of them."""
    if name == StageChanged.name:
        yield STAGES
    elif name in _SEGMENT_EVENTS:
        only = _only(where, "segment")
        yield from (
            (("segment", int(only)),) if only is not None else (("segment", key) for key in names.all("segment"))
        )
    elif name in _TAG_EVENTS:
        only = _only(where, "tag")
        yield from ((("tag", only),) if only is not None else (("tag", key) for key in names.all("tag")))


def _only(where: Node | None, prop: str) -> Any:
    """The single value that a property must have for the `where` to hold, if there is one."""
    if isinstance(where, AllOf):
        return next((value for child in where.rules if (value := _only(child, prop)) is not None), None)
    if isinstance(where, Leaf) and isinstance(where.subject, Prop) and where.subject.name == prop and where.op == "eq":
        return where.value
    return None


def _circle(start: Target, graph: Mapping[Target, frozenset[Target]], path: list[Target]) -> list[Target] | None:
    """A way from the last step of the path back to `start`; what lies behind a visited target is not walked again."""
    seen: set[Target] = set()
    stack = [path]
    while stack:
        way = stack.pop()
        for step in sorted(graph.get(way[-1], frozenset()), key=str):
            if step == start:
                return [*way, step]
            if step not in seen:
                seen.add(step)
                stack.append([*way, step])
    return None


def _chain(target: Target, graph: Mapping[Target, frozenset[Target]]) -> int:
    depth, level = 0, {target}
    while level and depth <= MAX_CHAIN:
        level = {step for one in level for step in graph.get(one, frozenset())}
        depth += 1
    return depth


def _title(target: Target, names: Names) -> str:
    kind, key = target
    if kind == "segment":
        entry = names.find("segment", key)
        return _("segment “%(name)s”") % {"name": entry.label("en") if entry else _("new")}
    return _("stages") if kind == "stage" else _("tag “%(name)s”") % {"name": key}
