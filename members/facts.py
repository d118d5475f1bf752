"""What rules can ask about a member: profile, attributes, tags, behaviour, consent and whether they can be reached."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from members.models import AttributeDefinition, EventName, Member, Tag
from members.models.consent import Channel
from members.queries.permission import suppression_digest
from urm.rules import (
    Entry,
    Fact,
    Names,
    Operand,
    Parameter,
    Plan,
    Population,
    Variant,
    declare,
    declare_names,
    declare_population,
)
from urm.rules import parameters as given
from urm.rules.check import Reader
from urm.rules.eventfact import event_fact
from urm.rules.eventsource import EventTables
from urm.rules.facts import Depends
from urm.rules.jsonvalues import read as json_value
from urm.rules.operators import plus
from urm.rules.rank import rank_fact
from urm.rules.sample import sample_fact
from urm.rules.sequence import sequence_fact
from urm.rules.sqltext import FALSE, Sql, param, params, sql
from urm.rules.tree import Leaf, Params
from urm.rules.types import Kind, Typed
from urm.rules.words.phrases import fact_of, zh


def _alive(as_of: dt.datetime) -> Sql:
    return sql("m.first_seen_at < {} AND m.merged_into_id IS NULL AND m.erased_at IS NULL", param(as_of))


def _wakes_at(as_of: dt.datetime) -> Sql:
    """A member whose first event is dated slightly ahead begins to exist by itself."""
    return sql("CASE WHEN m.first_seen_at >= {} THEN {} END", param(as_of), plus(Sql("m.first_seen_at"), 1))


declare_population(Population("members_member", _alive, _wakes_at))


def state_alias(plan: Plan) -> str:
    """The alias of the members' state rows; a new member may have none."""
    tenant = plan.scope.tenant
    return plan.join(
        "state", "LEFT JOIN members_memberstate ALIAS ON ALIAS.tenant_id = {} AND ALIAS.member_id = m.id", tenant
    )


# Names


def _attributes(tenant_id: int) -> Iterable[Entry]:
    for row in AttributeDefinition.objects.filter(tenant_id=tenant_id):
        choices = tuple(str(choice) for choice in row.choices) or None
        typed = Typed(Kind(row.type), choices if row.type in {Kind.CHOICE, Kind.LIST} else None)
        yield Entry(row.name, row.pk, row.label_en, row.label_zh, typed)


def _tags(tenant_id: int) -> Iterable[Entry]:
    for row in Tag.objects.filter(tenant_id=tenant_id):
        yield Entry(row.name, row.pk, detail={"kind": row.kind})


# How a purchase reads in plain words; other events are named in quotes.
_VERBS: Mapping[str, Mapping[str, str]] = {
    "purchase": {"did_en": "bought", "do_en": "buy", "did_zh": "购买", "spent_zh": "消费"},
}


def _events(tenant_id: int) -> Iterable[Entry]:
    for row in EventName.objects.filter(tenant_id=tenant_id):
        detail = {**_VERBS.get(row.name, {}), "platform": row.platform, "hidden": row.hidden}
        yield Entry(row.name, row.pk, row.label_en, row.label_zh, detail=detail)


def _merged(tenant_id: int) -> Iterable[Entry]:
    """One entry where any member was ever merged into another: reading histories costs a join more there."""
    if Member.objects.filter(tenant_id=tenant_id, merged_into__isnull=False).exists():
        yield Entry("any")


declare_names("attribute", _attributes)
declare_names("tag", _tags)
declare_names("merged", _merged)
declare_names("event", _events)

# Profile

_PROFILE: Mapping[str, tuple[Typed, str, str]] = {
    "email": (Typed(Kind.TEXT), "e-mail", "邮箱"),
    "phone": (Typed(Kind.TEXT), "phone", "电话"),
    "first_name": (Typed(Kind.TEXT), "first name", "名字"),
    "last_name": (Typed(Kind.TEXT), "last name", "姓氏"),
    "birthday": (Typed(Kind.DATE), "birthday", "生日"),
    "gender": (Typed(Kind.CHOICE, tuple(Member.Gender.values)), "gender", "性别"),
    "language": (Typed(Kind.TEXT), "language", "语言"),
    "city": (Typed(Kind.TEXT), "city", "城市"),
    "region": (Typed(Kind.TEXT), "region", "地区"),
    "country": (Typed(Kind.TEXT), "country", "国家"),
    "created_at": (Typed(Kind.DATETIME), "date of creation", "创建时间"),
    "first_seen_at": (Typed(Kind.DATETIME), "first seen", "首次出现时间"),
    "last_seen_at": (Typed(Kind.DATETIME), "last seen", "最近出现时间"),
    "source": (Typed(Kind.TEXT), "acquisition source", "获客来源"),
}


def _profile_sql(terms: Params, plan: Plan) -> Operand:
    name = terms["name"]
    typed, _en, _zh = _PROFILE[name]
    if name != "last_seen_at":
        return Operand(Sql(f"m.{name}"), typed.kind)
    own = [entry.id for entry in plan.names.all("event").values() if not entry.detail.get("platform")]
    members = sql("JOIN {} w ON w.member_id = d.member_id", plan.scope.members) if plan.scope.members else Sql("")
    alias = plan.join(
        "last_seen",
        "LEFT JOIN (SELECT d.member_id, max(d.last_at) AS at FROM members_daily d {} WHERE d.tenant_id = {}"
        " AND d.name_id = ANY({}) GROUP BY d.member_id) ALIAS ON ALIAS.member_id = m.id",
        members, plan.scope.tenant, params(own, "int"),
    )  # fmt: skip
    return Operand(Sql(f"{alias}.at"), Kind.DATETIME)


def _profile_noun(terms: Params, language: str, names: Names) -> str:
    _typed, english, chinese = _PROFILE[terms["name"]]
    return chinese if zh(language) else english


def _by_type(name: str, types: Iterable[tuple[str, Typed]]) -> list[Variant]:
    """One variant per type, with the names that have it."""
    grouped: dict[Typed, list[str]] = {}
    for key, typed in types:
        grouped.setdefault(typed, []).append(key)
    return [Variant(typed, {name: {"enum": sorted(keys)}}) for typed, keys in grouped.items()]


declare(
    Fact(
        key="profile",
        label_en="profile",
        label_zh="资料",
        parameters=(
            given.one_of("name", *_PROFILE, labels={key: (en, zh_) for key, (_typed, en, zh_) in _PROFILE.items()}),
        ),
        typed=lambda terms, names: _PROFILE[terms["name"]][0],
        variants=lambda names: _by_type("name", ((key, typed) for key, (typed, *_rest) in _PROFILE.items())),
        sql=_profile_sql,
        changes=lambda terms, names: frozenset({("profile", terms["name"])}),
        noun=_profile_noun,
    )
)

# Attributes


def _attribute_type(terms: Params, names: Names) -> Typed:
    entry = names.find("attribute", terms["name"])
    assert entry is not None
    assert entry.typed is not None
    return entry.typed


def _attribute_sql(terms: Params, plan: Plan) -> Operand:
    kind = _attribute_type(terms, plan.names).kind
    return Operand(json_value(Sql("m.attributes"), terms["name"], kind, plan.scope.time_zone), kind)


def _attribute_noun(terms: Params, language: str, names: Names) -> str:
    entry = names.find("attribute", terms["name"])
    return entry.label(language) if entry else str(terms["name"])


declare(
    Fact(
        key="attribute",
        label_en="attribute",
        label_zh="属性",
        parameters=(given.named("name", "attribute", _("attribute")),),
        typed=_attribute_type,
        variants=lambda names: _by_type(
            "name", ((str(key), entry.typed) for key, entry in names.all("attribute").items() if entry.typed)
        ),
        sql=_attribute_sql,
        changes=lambda terms, names: frozenset({("attribute", terms["name"])}),
        noun=_attribute_noun,
    )
)

# Tags

# When a rule-driven tag began to hold, as SQL over the member `m`: the app that keeps that history says how.
_rule_tag_since: list[Callable[[Plan, int], Sql]] = []


def declare_rule_tag_since(since: Callable[[Plan, int], Sql]) -> None:
    _rule_tag_since[:] = [since]


def _tag_sql(terms: Params, plan: Plan) -> Operand:
    entry = plan.names.find("tag", terms["name"])
    tag_id = entry.id if entry is not None and entry.id is not None else 0
    held = Sql(f"COALESCE({tag_id} = ANY({state_alias(plan)}.tag_ids), false)")
    if "what" not in terms:
        return Operand(held, Kind.BOOLEAN)
    if entry is not None and entry.detail.get("kind") == Tag.Kind.RULE:
        since = _rule_tag_since[0](plan, tag_id) if _rule_tag_since else Sql("NULL::timestamptz")
    else:
        alias = plan.join(
            f"tag {tag_id}",
            f"LEFT JOIN members_membertag ALIAS ON ALIAS.tenant_id = {{}} AND ALIAS.member_id = m.id"
            f" AND ALIAS.tag_id = {tag_id}",
            plan.scope.tenant,
        )
        since = Sql(f"{alias}.since")
    return Operand(sql("CASE WHEN {} THEN {} END", held, since), Kind.DATETIME)


def _tag_sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    terms = fact_of(leaf).params
    if "what" in terms or leaf.op not in {"is_true", "is_false"}:
        return None
    has = (leaf.op == "is_true") != negated
    if zh(language):
        return f"{'有' if has else '没有'}标签 {terms['name']}"
    return f"{'has' if has else 'does not have'} the tag {terms['name']}"


def _tag_noun(terms: Params, language: str, names: Names) -> str:
    if "what" in terms:
        return f"获得标签 {terms['name']} 的时间" if zh(language) else f"the date of the tag {terms['name']}"
    return f"标签 {terms['name']}" if zh(language) else f"the tag {terms['name']}"


declare(
    Fact(
        key="tag",
        label_en="tag",
        label_zh="标签",
        parameters=(given.named("name", "tag", _("tag")), given.one_of("what", "since", required=False)),
        typed=lambda terms, names: Typed(Kind.DATETIME if "what" in terms else Kind.BOOLEAN),
        variants=lambda names: [
            Variant(Typed(Kind.BOOLEAN), absent=("what",)),
            Variant(Typed(Kind.DATETIME), {"what": {"const": "since"}}),
        ],
        sql=_tag_sql,
        changes=lambda terms, names: frozenset({("tag", terms["name"])}),
        noun=_tag_noun,
        sentence=_tag_sentence,
    )
)

# Behaviour

TABLES = EventTables(log="members_event", daily="members_daily", people="members_member")
declare(event_fact(TABLES))
declare(sequence_fact(TABLES))
declare(rank_fact(TABLES))
declare(sample_fact())

# Consent and reach

_CHANNELS_EN = {"email": "e-mail", "sms": "SMS", "push": "push"}
_CHANNELS_ZH = {"email": "邮件", "sms": "短信", "push": "推送"}
# Where a channel's address stands; a channel without one reaches nobody yet.
_ADDRESSES = {"email": "m.email", "sms": "m.phone"}
_PURPOSE = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _read_purpose(reader: Reader, raw: Any, path: str) -> str | None:
    if isinstance(raw, str) and _PURPOSE.fullmatch(raw):
        return raw
    reader.problem(path, _("expected a purpose such as marketing: small letters, digits and _"), "bad_purpose")
    return None


def _purpose(default: str | None = None) -> Parameter:
    schema = {"type": "string", "pattern": f"^{_PURPOSE.pattern}$"}
    return Parameter("purpose", _read_purpose, lambda names: schema, required=default is None, default=default)


def _granted(terms: Params, plan: Plan) -> Sql:
    channel, purpose = terms["channel"], terms["purpose"]
    alias = plan.join(
        f"consent {channel} {purpose}",
        "LEFT JOIN members_consent ALIAS ON ALIAS.tenant_id = {} AND ALIAS.member_id = m.id"
        " AND ALIAS.channel = {} AND ALIAS.purpose = {}",
        plan.scope.tenant, param(channel), param(purpose),
    )  # fmt: skip
    return Sql(f"{alias}.granted")


def _reachable_sql(terms: Params, plan: Plan) -> Operand:
    channel = terms["channel"]
    address = _ADDRESSES.get(channel)
    if address is None:
        return Operand(FALSE, Kind.BOOLEAN)
    alias = plan.join(
        f"suppression {channel}",
        "LEFT JOIN members_suppression ALIAS ON ALIAS.tenant_id = {} AND ALIAS.channel = {}"
        f" AND ALIAS.digest = {suppression_digest(address, channel='{}').format('{}', tenant='{}')}",
        plan.scope.tenant, param(channel), plan.scope.tenant, param(channel),
    )  # fmt: skip
    reached = f"COALESCE({{}} AND {address} <> '' AND {alias}.digest IS NULL, false)"
    return Operand(sql(reached, _granted(terms, plan)), Kind.BOOLEAN)


def _consent_sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    terms = fact_of(leaf).params
    # "has not consented" would also be read of those never asked, of whom is_false is not true.
    if leaf.op != "is_true":
        return None
    chinese = zh(language)
    channel = (_CHANNELS_ZH if chinese else _CHANNELS_EN)[terms["channel"]]
    if chinese:
        return f"{'未' if negated else '已'}授权同意{channel}（{terms['purpose']}）"
    return f"has {'not ' if negated else ''}consented to {channel} for {terms['purpose']}"


def _reachable_sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    terms = fact_of(leaf).params
    if leaf.op not in {"is_true", "is_false"}:
        return None
    reached, chinese = (leaf.op == "is_true") != negated, zh(language)
    channel = (_CHANNELS_ZH if chinese else _CHANNELS_EN)[terms["channel"]]
    purpose = "" if terms["purpose"] == "marketing" else terms["purpose"]
    if chinese:
        return f"{'可' if reached else '不可'}通过{channel}触达" + (f"（{purpose}）" if purpose else "")
    return f"{'can' if reached else 'cannot'} be reached by {channel}" + (f" for {purpose}" if purpose else "")


def _consent_noun(terms: Params, language: str, names: Names) -> str:
    if zh(language):
        return f"{_CHANNELS_ZH[terms['channel']]}授权同意（{terms['purpose']}）"
    return f"consent to {_CHANNELS_EN[terms['channel']]} for {terms['purpose']}"


def _consent_changes(terms: Params, names: Names) -> Depends:
    return frozenset({("consent", terms["channel"])})


declare(
    Fact(
        key="consent",
        label_en="consent",
        label_zh="授权同意",
        parameters=(given.one_of("channel", *Channel.values), _purpose()),
        typed=lambda terms, names: Typed(Kind.BOOLEAN),
        variants=lambda names: [Variant(Typed(Kind.BOOLEAN))],
        sql=lambda terms, plan: Operand(_granted(terms, plan), Kind.BOOLEAN),
        changes=_consent_changes,
        noun=_consent_noun,
        sentence=_consent_sentence,
    )
)
declare(
    Fact(
        key="reachable",
        label_en="can be reached",
        label_zh="可触达",
        parameters=(given.one_of("channel", *Channel.values), _purpose("marketing")),
        typed=lambda terms, names: Typed(Kind.BOOLEAN),
        variants=lambda names: [Variant(Typed(Kind.BOOLEAN))],
        sql=_reachable_sql,
        changes=_consent_changes,
        noun=_consent_noun,
        sentence=_reachable_sentence,
    )
)
