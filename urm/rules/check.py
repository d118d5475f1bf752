"""From JSON to a checked tree. Everything wrong is reported at once, each problem with its place and, where a word is
unknown, the nearest one that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from urm.rules.errors import Problem, RuleError
from urm.rules.facts import facts
from urm.rules.limits import MAX_DEPTH, MAX_LEAVES, refuse_oversize, too_deep
from urm.rules.literals import read_value
from urm.rules.names import Key, Names, nearest
from urm.rules.tree import AllOf, AnyOf, FactTerm, Leaf, Node, Not, Params, Prop, Rule
from urm.rules.types import OPERATORS, VERSION, Kind, Shape, Typed

_GROUPS = ("all", "any", "not")
_MAX_PROBLEMS = 20
_NUMBER_ONLY = frozenset({"lt", "lte", "gt", "gte"})
AMOUNT = "amount"
MAX_PROPERTY = 100


def check(rule: object, names: Names) -> Rule:
    """The checked rule. Raises RuleError with every problem found."""
    refuse_oversize(rule)
    reader = Reader(names)
    source = reader.upgraded(rule)
    node = reader.rule(source, "", 1, inside_where=False)
    if reader.problems or node is None:
        raise RuleError(reader.problems)
    return Rule(node, {"version": VERSION, **source})


class Reader:
    """Walks one rule; fact parameters use it to read what they own."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.problems: list[Problem] = []
        self.depth = 1  # of the condition whose parameters are being read
        self._leaves = 0

    def problem(self, path: str, message: str, code: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(path or "rule", message, code))

    def unknown(self, path: str, what: str, word: object, known: Iterable[object]) -> None:
        """Report an unknown word, with the nearest known one or, if there are few, all of them."""
        choices = [str(item) for item in known]
        near = nearest(word, choices)
        if near:
            hint = _("did you mean “%(near)s”?") % {"near": near}
        elif 0 < len(choices) <= 20:
            hint = _("known: %(known)s") % {"known": ", ".join(choices)}
        elif choices:
            hint = _("it is none of the %(count)s known ones") % {"count": len(choices)}
        else:
            hint = _("there is none yet")
        message = _("unknown %(what)s “%(word)s”; %(hint)s") % {"what": what, "word": str(word)[:64], "hint": hint}
        self.problem(path, message, "unknown_name")

    def upgraded(self, rule: object) -> dict[str, Any]:
        """The rule without its `version`; there is only one version so far, so nothing older to lift."""
        if not isinstance(rule, dict):
            self.problem("", _('expected an object such as {"all": […]} or {"fact": …}'), "not_a_rule")
            return {"all": []}
        if "version" in rule and (rule["version"] != VERSION or isinstance(rule["version"], bool)):
            self.problem("version", _("expected version %(version)s") % {"version": VERSION}, "bad_version")
        return {key: value for key, value in rule.items() if key != "version"}

    def rule(self, raw: Any, path: str, depth: int, *, inside_where: bool) -> Node | None:
        """A node, or None after reported problems."""
        if depth > MAX_DEPTH:
            self.problem(path, too_deep(), "too_deep")
            return None
        if not isinstance(raw, dict):
            self.problem(path, _('expected an object such as {"all": […]} or {"fact": …}'), "not_a_rule")
            return None
        group = next((key for key in _GROUPS if key in raw), None)
        if group is None:
            return self._leaf(raw, path, depth, inside_where=inside_where)
        for key in raw:
            if key != group:
                self.problem(
                    _at(path, str(key)),
                    _("“%(group)s” stands alone: remove this key") % {"group": group},
                    "unknown_key",
                )
        inner = raw[group]
        if group == "not":
            node = self.rule(inner, _at(path, "not"), depth + 1, inside_where=inside_where)
            return None if node is None else Not(node)
        if not isinstance(inner, (list, tuple)):
            self.problem(_at(path, group), _("expected a list of conditions"), "not_a_list")
            return None
        children = [
            self.rule(child, f"{_at(path, group)}[{index}]", depth + 1, inside_where=inside_where)
            for index, child in enumerate(inner)
        ]
        known = tuple(child for child in children if child is not None)
        return AllOf(known) if group == "all" else AnyOf(known)

    def where(self, raw: Any, path: str, depth: int | None = None) -> Node | None:
        """A condition on the properties of one event, one level below the condition that it belongs to."""
        return self.rule(raw, path, depth or self.depth + 1, inside_where=True)

    def name(self, kind: str, what: str, raw: Any, path: str) -> Key | None:
        """A name of the workspace, e.g. of a tag; None after a reported problem."""
        if isinstance(raw, (str, int)) and not isinstance(raw, bool) and self.names.find(kind, raw):
            return raw
        self.unknown(path, what, raw if isinstance(raw, (str, int)) else type(raw).__name__, self.names.all(kind))
        return None

    def _leaf(self, raw: dict[str, Any], path: str, depth: int, *, inside_where: bool) -> Leaf | None:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            if self._leaves == MAX_LEAVES + 1:
                message = _("the rule has more than %(limit)s conditions; save a part as a segment") % {
                    "limit": MAX_LEAVES
                }
                self.problem(path, message, "too_many_conditions")
            return None
        return self._prop_leaf(raw, path) if inside_where else self._fact_leaf(raw, path, depth)

    def _fact_leaf(self, raw: dict[str, Any], path: str, depth: int) -> Leaf | None:
        known = facts()
        key = raw.get("fact")
        if not isinstance(key, str) or key not in known:
            if "fact" in raw:
                self.unknown(_at(path, "fact"), _("fact"), key if isinstance(key, str) else type(key).__name__, known)
            else:
                near = nearest(next(iter(raw), ""), ("fact", *_GROUPS))
                hint = _("did you mean “%(near)s”?") % {"near": near} if near else ""
                self.problem(
                    path, (_("expected “all”, “any”, “not” or “fact”") + "; " + hint).rstrip("; "), "not_a_rule"
                )
            return None
        fact = known[key]
        before = len(self.problems)
        self.depth = depth
        params = []
        for parameter in fact.parameters:
            if parameter.name in raw:
                params.append((parameter.name, parameter.read(self, raw[parameter.name], _at(path, parameter.name))))
            elif parameter.required:
                self.problem(
                    path, _("“%(fact)s” needs “%(name)s”") % {"fact": key, "name": parameter.name}, "missing_key"
                )
            elif parameter.default is not None:
                params.append((parameter.name, parameter.default))
        allowed = ["fact", *(parameter.name for parameter in fact.parameters)]
        if len(self.problems) > before:
            self._refuse_unknown_keys(raw, path, [*allowed, "op", "value", "ignore_case"])
            return None
        checked = Params(tuple(params))
        if fact.refuse is not None and (wrong := fact.refuse(checked, self.names)):
            self.problem(_at(path, wrong[0]), wrong[1], "bad_parameter")
            return None
        typed = fact.typed(checked, self.names)
        return self._condition(raw, path, FactTerm(key, checked, typed.kind), typed, allowed)

    def _prop_leaf(self, raw: dict[str, Any], path: str) -> Leaf | None:
        name = raw.get("prop")
        if not isinstance(name, str) or not 0 < len(name) <= MAX_PROPERTY or not storable(name):
            message = _("expected “prop” with the name of a property, at most %(limit)s characters") % {
                "limit": MAX_PROPERTY
            }
            self.problem(_at(path, "prop") if "prop" in raw else path, message, "bad_property")
            return None
        typed = self._prop_type(name, raw, path)
        if typed is None:
            self._refuse_unknown_keys(raw, path, ["prop", "op", "value", "ignore_case"])
            return None
        presence = raw.get("op") in {"is_set", "is_missing"} and name != AMOUNT
        return self._condition(raw, path, Prop(name, None if presence else typed.kind), typed, ["prop"])

    def _prop_type(self, name: str, raw: dict[str, Any], path: str) -> Typed | None:
        """Properties have no declared type: operator and literal say which one is asked for."""
        op, value = raw.get("op"), raw.get("value")
        if name == AMOUNT:
            return Typed(Kind.NUMBER)
        kinds = [kind for kind in Kind if isinstance(op, str) and op in OPERATORS[kind] and kind is not Kind.CHOICE]
        if not kinds:
            self.unknown(_at(path, "op"), _("operator"), op, {op: 0 for kind in Kind for op in OPERATORS[kind]})
            return None
        sample = value[0] if isinstance(value, (list, tuple)) and value else value
        if op in {"eq", "ne", "between"}:
            text = Kind.DATETIME if op == "between" else Kind.TEXT
            return Typed(text if isinstance(sample, str) else Kind.NUMBER)
        return Typed(Kind.DATETIME if Kind.DATETIME in kinds and op not in {"is_set", "is_missing"} else kinds[0])

    def _condition(
        self, raw: dict[str, Any], path: str, subject: FactTerm | Prop, typed: Typed, allowed: list[str]
    ) -> Leaf | None:
        operators = OPERATORS[typed.kind]
        op = raw.get("op")
        if not isinstance(op, str) or op not in operators:
            if "op" in raw:
                what = _("operator for a %(kind)s") % {"kind": typed.kind.value}
                self.unknown(_at(path, "op"), what, op if isinstance(op, str) else type(op).__name__, operators)
            else:
                self.problem(
                    path,
                    _("an operator is missing: “op”, one of %(known)s") % {"known": ", ".join(operators)},
                    "missing_key",
                )
            self._refuse_unknown_keys(raw, path, [*allowed, "op", "value", "ignore_case"])
            return None
        allowed = [*allowed, "op"]
        if operators[op] is not Shape.NONE:
            allowed.append("value")
        if typed.kind is Kind.TEXT and operators[op] is not Shape.NONE:
            allowed.append("ignore_case")
        before = len(self.problems)
        self._refuse_unknown_keys(raw, path, allowed)
        value = None
        if operators[op] is not Shape.NONE:
            if "value" not in raw:
                self.problem(path, _("“%(op)s” needs a “value”") % {"op": op}, "missing_key")
                return None
            value = read_value(self, typed, op, raw["value"], _at(path, "value"))
        ignore_case = raw.get("ignore_case", False)
        if not isinstance(ignore_case, bool):
            self.problem(_at(path, "ignore_case"), _("expected true or false"), "bad_boolean")
        if len(self.problems) > before:
            return None
        return Leaf(subject, op, value, bool(ignore_case) and "ignore_case" in allowed, path)

    def _refuse_unknown_keys(self, raw: Mapping[str, Any], path: str, allowed: list[str]) -> None:
        for key in raw:
            if key not in allowed:
                self.unknown(_at(path, str(key)[:64]), _("key"), key, allowed)


def storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
