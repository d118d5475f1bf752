"""What rules can ask about points. A member without an account has no points and no tier."""

from collections.abc import Iterable

from loyalty.models import Tier
from urm.rules import Entry, Fact, Names, Operand, Plan, Variant, declare, declare_names
from urm.rules import parameters as given
from urm.rules.facts import Depends
from urm.rules.sqltext import Sql, param, sql
from urm.rules.tree import Params
from urm.rules.types import Kind, Typed
from urm.rules.words.phrases import zh

_NUMBERS = {
    "points": ("the number of points", "积分"),
    "lifetime_points": ("the number of lifetime points", "累计积分"),
    "expiring_in_30d": ("the number of points that expire within 30 days", "30 天内到期的积分"),
}
_LABELS = {
    "points": ("points", "积分"),
    "lifetime_points": ("lifetime points", "累计积分"),
    "expiring_in_30d": ("points that expire within 30 days", "30 天内到期的积分"),
    "tier": ("tier", "等级"),
}


def _tiers(tenant_id: int) -> Iterable[Entry]:
    for tier in Tier.objects.filter(tenant_id=tenant_id).order_by("threshold"):
        yield Entry(tier.name, tier.pk)


declare_names("tier", _tiers)


def _tier_type(names: Names) -> Typed:
    return Typed(Kind.CHOICE, tuple(str(name) for name in names.all("tier")) or None)


def _account(plan: Plan) -> str:
    return plan.join(
        "loyalty account",
        "LEFT JOIN loyalty_account ALIAS ON ALIAS.tenant_id = {} AND ALIAS.member_id = m.id",
        plan.scope.tenant,
    )


def _sql(terms: Params, plan: Plan) -> Operand:
    what = terms["what"]
    account = _account(plan)
    if what == "points":
        return Operand(Sql(f"COALESCE({account}.balance, 0)"), Kind.NUMBER)
    if what == "lifetime_points":
        return Operand(Sql(f"COALESCE({account}.lifetime_points, 0)"), Kind.NUMBER)
    if what == "tier":
        tier = plan.join(
            "loyalty tier",
            f"LEFT JOIN loyalty_tier ALIAS ON ALIAS.tenant_id = {{}} AND ALIAS.id = {account}.tier_id",
            plan.scope.tenant,
        )
        return Operand(Sql(f"{tier}.name"), Kind.CHOICE)
    return _expiring(plan)


def _expiring(plan: Plan) -> Operand:
    """A lot counts at t when t < its expiry ≤ t + 30 days: it begins 30 days before and ends as it expires."""
    as_of = param(plan.scope.as_of)
    members = sql("JOIN {} w ON w.member_id = o.member_id", plan.scope.members) if plan.scope.members else Sql("")
    alias = plan.join(
        "loyalty expiring",
        "LEFT JOIN (SELECT o.member_id,"
        " sum(l.remaining) FILTER (WHERE l.expires_at > {} AND l.expires_at <= {} + interval '30 days') AS points,"
        " min(l.expires_at) FILTER (WHERE l.expires_at > {}) AS falls_at,"
        " min(l.expires_at) FILTER (WHERE l.expires_at > {} + interval '30 days') - interval '30 days' AS rises_at"
        " FROM loyalty_lot l JOIN loyalty_account o ON o.tenant_id = {} AND o.id = l.account_id {}"
        " WHERE l.tenant_id = {} AND l.is_open AND l.expires_at IS NOT NULL GROUP BY o.member_id) ALIAS"
        " ON ALIAS.member_id = m.id",
        as_of, as_of, as_of, as_of, plan.scope.tenant, members, plan.scope.tenant,
    )  # fmt: skip
    return Operand(
        Sql(f"COALESCE({alias}.points, 0)"),
        Kind.NUMBER,
        falls_at=(Sql(f"{alias}.falls_at"),),
        rises_at=(Sql(f"{alias}.rises_at"),),
    )


def _noun(terms: Params, language: str, names: Names) -> str:
    english, chinese = _NUMBERS.get(terms["what"], ("the tier", "等级"))
    return chinese if zh(language) else english


def _changes(terms: Params, names: Names) -> Depends:
    return frozenset({("loyalty", terms["what"])})


declare(
    Fact(
        key="loyalty",
        label_en="loyalty",
        label_zh="忠诚度",
        parameters=(given.one_of("what", *_NUMBERS, "tier", labels=_LABELS),),
        typed=lambda terms, names: _tier_type(names) if terms["what"] == "tier" else Typed(Kind.NUMBER),
        variants=lambda names: [
            Variant(Typed(Kind.NUMBER), {"what": {"enum": [*_NUMBERS]}}),
            Variant(_tier_type(names), {"what": {"const": "tier"}}),
        ],
        sql=_sql,
        changes=_changes,
        noun=_noun,
    )
)
