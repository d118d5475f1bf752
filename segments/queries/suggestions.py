"""What an editor of rules offers while somebody types: names, values and properties that exist in the workspace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language

from members.models import EventProperty
from urm.rules import Names, Plan, Scope, check
from urm.rules.describe import Titles, options_of
from urm.rules.eventfact import event_ids
from urm.rules.sqltext import Sql, param, params, sql
from urm.rules.tree import FactTerm, Leaf
from urm.rules.types import Kind
from urm.rules.words.phrases import zh
from urm.rules.workspace import fetch

PAGE = 30
# What is looked through for values: the newest members, the newest rows of the log.
MEMBERS, EVENTS = 5_000, 5_000
SHARED_BY = 2  # members; what one alone has is nobody's suggestion


@dataclass(frozen=True, slots=True)
class Suggestions:
    """A page of {value, label}; `more` says whether another one follows."""

    options: list[dict[str, Any]]
    more: bool


def names_like(
    kind: str, text: str, page: int, names: Names, *, titles: Titles | None = None, of: Mapping[str, str] | None = None
) -> Suggestions:
    """Names of a kind whose title or key holds `text`; `of` keeps those that belong to others (to a survey)."""
    wanted = text.lower()
    found = [
        option
        for option in options_of(kind, names, titles)
        if (wanted in str(option["label"]).lower() or wanted in str(option["value"]).lower())
        and all(str(option.get("of", {}).get(key, value)) == value for key, value in (of or {}).items())
    ]
    start = page * PAGE
    return Suggestions(found[start : start + PAGE], len(found) > start + PAGE)


def values_like(term: Mapping[str, Any], text: str, page: int, names: Names) -> Suggestions:
    """Values that a text or list has for at least two of the newest members: what one person alone has (an address,
    a phone number) is nobody's suggestion. `term` is a condition without operator. Raises RuleError."""
    node = check({**term, "op": "is_set"}, names).node
    assert isinstance(node, Leaf)
    assert isinstance(node.subject, FactTerm)
    if node.subject.kind not in {Kind.TEXT, Kind.LIST, Kind.CHOICE}:
        return Suggestions([], more=False)
    members = Sql(
        "(SELECT n.id AS member_id FROM members_member n WHERE n.tenant_id = %s ORDER BY n.id DESC LIMIT %s)",
        (names.tenant_id, MEMBERS),
    )
    plan = Plan(Scope(names.tenant_id, names.time_zone, timezone.now(), members), names)
    value = plan.operand(node.subject).sql
    if node.subject.kind is Kind.LIST:
        listed = sql("CASE WHEN jsonb_typeof({}) = 'array' THEN {} ELSE '[]'::jsonb END", value, value)
        value = sql("jsonb_array_elements_text({})", listed)
    held = sql("SELECT {} AS v, m.id AS member_id {} AND {}", value, plan.from_clause(), plan.alive())
    return _counted(held, text, page)


def properties_like(events: Sequence[str], text: str, page: int, names: Names) -> Suggestions:
    """Properties that these events are known with, each with its `type`; those that staff hid are left out. Of events
    that came before the registry learned, those that stand in the log."""
    known: dict[str, dict[str, Any]] = {}
    language = get_language() or "en"
    rows = list(EventProperty.objects.filter(event__name__in=events).order_by("name"))
    if not rows:
        keys = "SELECT k.v, e.member_id FROM ({}) e, jsonb_object_keys(e.properties) k(v)"
        return _counted(sql(keys, _newest(events, names)), text, page)
    for row in rows:
        if row.hidden:
            continue
        own = row.label_zh if zh(language) else row.label_en
        label = f"{own} · {row.name}" if own else row.name
        known.setdefault(row.name, {"value": row.name, "label": label, "type": row.type})
    wanted = text.lower()
    found = [option for option in known.values() if wanted in option["label"].lower()]
    start = page * PAGE
    return Suggestions(found[start : start + PAGE], len(found) > start + PAGE)


def property_values_like(events: Sequence[str], prop: str, text: str, page: int, names: Names) -> Suggestions:
    """Values that the newest of these events have for a property, of at least two members; of a list, what stands in
    it. Personal data are not shown."""
    if EventProperty.objects.filter(event__name__in=events, name=prop, personal=True).exists():
        return Suggestions([], more=False)
    item = sql("(e.properties -> {})", param(prop))
    whole = sql("CASE WHEN jsonb_typeof({}) = 'array' THEN {} ELSE jsonb_build_array({}) END", item, item, item)
    values = sql(
        "SELECT x.v, e.member_id FROM ({}) e, jsonb_array_elements_text({}) x(v)"
        " WHERE jsonb_typeof({}) NOT IN ('null', 'object')",
        _newest(events, names), whole, item,
    )  # fmt: skip
    return _counted(values, text, page)


def _newest(events: Sequence[str], names: Names) -> Sql:
    ids = event_ids(names, tuple(events))
    return sql(
        "SELECT w.properties, w.member_id FROM (SELECT properties, member_id, name_id FROM members_event"
        " WHERE tenant_id = {} ORDER BY received_at DESC, id DESC LIMIT {}) w WHERE w.name_id = ANY({})",
        Sql(str(int(names.tenant_id))), param(EVENTS), params(ids, "int"),
    )  # fmt: skip


def _counted(values: Sql, text: str, page: int) -> Suggestions:
    """Those that at least two members share, the most frequent first."""
    pattern = "%" + text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    statement = sql(
        "SELECT v FROM ({}) f WHERE v <> '' AND length(v) <= 200 AND v ILIKE {} GROUP BY v"
        " HAVING count(DISTINCT member_id) >= {} ORDER BY count(*) DESC, v LIMIT {} OFFSET {}",
        values, param(pattern), param(SHARED_BY), param(PAGE + 1), param(page * PAGE),
    )  # fmt: skip
    rows = fetch(statement)
    return Suggestions([{"value": value, "label": value} for (value,) in rows[:PAGE]], more=len(rows) > PAGE)
