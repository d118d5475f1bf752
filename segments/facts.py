"""What rules can ask about other rules: segments and lifecycle stages."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from members.facts import declare_rule_tag_since, state_alias
from segments.models import Change, RankThreshold, Segment, Stage
from urm.rules import Entry, Fact, Names, Operand, Plan, Variant, check, declare, declare_names
from urm.rules import parameters as given
from urm.rules.sqltext import FALSE, Sql, param, sql
from urm.rules.tree import Leaf, Node, Params
from urm.rules.types import Kind, Typed
from urm.rules.words.phrases import fact_of, zh


def _segments(tenant_id: int) -> Iterable[Entry]:
    for row in Segment.objects.filter(tenant_id=tenant_id):
        yield Entry(row.pk, row.pk, row.name, row.name, detail={"kind": row.kind, "rule": row.rule})


def _stages(tenant_id: int) -> Iterable[Entry]:
    for row in Stage.objects.filter(tenant_id=tenant_id):
        yield Entry(row.key, row.pk, row.label_en, row.label_zh)


def _ranks(tenant_id: int) -> Iterable[Entry]:
    for row in RankThreshold.objects.filter(tenant_id=tenant_id):
        yield Entry(row.key, detail={"threshold": row.threshold, "frozen_at": row.frozen_at})


declare_names("rank", _ranks)
declare_names("segment", _segments)
declare_names("stage", _stages)


# Segments


def _segment_sql(terms: Params, plan: Plan) -> Operand:
    segment_id = int(terms["id"])
    entry = plan.names.find("segment", segment_id)
    if entry is None:
        return Operand(FALSE, Kind.BOOLEAN)
    if entry.detail["kind"] == Segment.Kind.STATIC:
        alias = plan.join(
            f"static list {segment_id}",
            f"LEFT JOIN segments_staticmember ALIAS ON ALIAS.tenant_id = {{}} AND ALIAS.member_id = m.id"
            f" AND ALIAS.segment_id = {segment_id}",
            plan.scope.tenant,
        )
        return Operand(Sql(f"({alias}.id IS NOT NULL)"), Kind.BOOLEAN)
    with plan.inside("segment", segment_id):
        return boolean_operand(check(entry.detail["rule"], plan.names).node, plan)


def boolean_operand(node: Node, plan: Plan) -> Operand:
    """A whole rule as the value of one fact."""
    return Operand(sql("({} IS TRUE)", plan.condition(node)), Kind.BOOLEAN, changes_at=plan.moments(node))


def _segment_sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    if leaf.op not in {"is_true", "is_false"}:
        return None
    entry = names.find("segment", fact_of(leaf).params["id"])
    inside, title = (leaf.op == "is_true") != negated, entry.label(language) if entry else "?"
    if zh(language):
        return f"{'属于' if inside else '不属于'}人群“{title}”"
    return f"is {'' if inside else 'not '}in the segment “{title}”"


def _segment_noun(terms: Params, language: str, names: Names) -> str:
    entry = names.find("segment", terms["id"])
    title = entry.label(language) if entry else "?"
    return f"是否属于人群“{title}”" if zh(language) else f"being in the segment “{title}”"


declare(
    Fact(
        key="segment",
        label_en="segment",
        label_zh="人群",
        parameters=(given.named("id", "segment", _("segment")),),
        typed=lambda terms, names: Typed(Kind.BOOLEAN),
        variants=lambda names: [Variant(Typed(Kind.BOOLEAN))],
        sql=_segment_sql,
        changes=lambda terms, names: frozenset({("segment", terms["id"])}),
        noun=_segment_noun,
        sentence=_segment_sentence,
    )
)

# Stages


def stage_key(stage_id: Sql, names: Names) -> Sql:
    """The key of a stage whose id is SQL."""
    known = [(entry.id, str(key)) for key, entry in names.all("stage").items()]
    if not known:
        return Sql("NULL::text")
    cases = " ".join(f"WHEN {int(pk or 0)} THEN %s" for pk, _key in known)
    return Sql(f"(CASE {stage_id.text} {cases} END)", (*stage_id.params, *(key for _pk, key in known)))


def _stage_sql(terms: Params, plan: Plan) -> Operand:
    state = state_alias(plan)
    if terms.get("what") == "since":
        return Operand(Sql(f"{state}.stage_since"), Kind.DATETIME)
    column = "previous_stage_id" if terms.get("what") == "previous" else "stage_id"
    return Operand(stage_key(Sql(f"{state}.{column}"), plan.names), Kind.CHOICE)


def _stage_type(terms: Params, names: Names) -> Typed:
    if terms.get("what") == "since":
        return Typed(Kind.DATETIME)
    return Typed(Kind.CHOICE, tuple(str(key) for key in names.all("stage")))


def _stage_labels(names: Names) -> dict[str, tuple[str, str]]:
    return {str(key): (entry.label("en"), entry.label("zh")) for key, entry in names.all("stage").items()}


def _stage_sentence(leaf: Leaf, language: str, names: Names, negated: bool) -> str | None:
    if "what" in fact_of(leaf).params or leaf.op not in {"eq", "ne"}:
        return None
    if leaf.op == "ne" and negated:
        return None  # also true of those in no stage
    entry = names.find("stage", str(leaf.value))
    title, inside = entry.label(language) if entry else str(leaf.value), leaf.op == "eq" and not negated
    if zh(language):
        return f"{'处于' if inside else '不处于'}{title}阶段"
    return f"is {'' if inside else 'not '}in the stage {title.lower()}"


def _stage_noun(terms: Params, language: str, names: Names) -> str:
    chinese = {"since": "进入当前阶段的时间", "previous": "上一阶段", None: "生命周期阶段"}
    english = {"since": "the beginning of the stage", "previous": "the stage before", None: "the lifecycle stage"}
    return (chinese if zh(language) else english)[terms.get("what")]


declare(
    Fact(
        key="stage",
        label_en="lifecycle stage",
        label_zh="生命周期阶段",
        parameters=(given.one_of("what", "since", "previous", required=False),),
        typed=_stage_type,
        variants=lambda names: [
            Variant(Typed(Kind.DATETIME), {"what": {"const": "since"}}),
            Variant(_stage_type(Params(), names), {"what": {"const": "previous"}}, labels=_stage_labels(names)),
            Variant(_stage_type(Params(), names), absent=("what",), labels=_stage_labels(names)),
        ],
        sql=_stage_sql,
        changes=lambda terms, names: frozenset({("stage", terms.get("what"))}),
        noun=_stage_noun,
        sentence=_stage_sentence,
    )
)

# Scores

_scores: dict[str, Entry] = {}


def declare_score(name: str, *, label_en: str, label_zh: str) -> None:
    """Let rules ask for a score; whoever computes it writes rows of that name into segments.Score."""
    _scores[name] = Entry(name, label_en=label_en, label_zh=label_zh)


declare_score("activity", label_en="activity", label_zh="活跃度")
declare_score("influence", label_en="influence", label_zh="影响力")
declare_score("price_sensitivity", label_en="price sensitivity", label_zh="价格敏感度")
declare_score("churn", label_en="churn risk", label_zh="流失风险")
declare_score("channel_email", label_en="e-mail preference", label_zh="邮件偏好")
declare_score("channel_sms", label_en="SMS preference", label_zh="短信偏好")
declare_score("channel_push", label_en="push preference", label_zh="推送偏好")
declare_score("preferred_hour", label_en="preferred hour", label_zh="偏好时段")
declare_score("interests", label_en="number of interests", label_zh="兴趣数量")
declare_names("score", lambda tenant_id: _scores.values())


def _score_sql(terms: Params, plan: Plan) -> Operand:
    name = terms["name"]
    alias = plan.join(
        f"score {name}",
        "LEFT JOIN segments_score ALIAS ON ALIAS.tenant_id = {} AND ALIAS.member_id = m.id AND ALIAS.name = {}",
        plan.scope.tenant, param(name),
    )  # fmt: skip
    return Operand(Sql(f"{alias}.value"), Kind.NUMBER)


def _score_noun(terms: Params, language: str, names: Names) -> str:
    entry = names.find("score", terms["name"])
    label = entry.label(language) if entry else str(terms["name"])
    return f"{label}评分" if zh(language) else f"the {label} score"


declare(
    Fact(
        key="score",
        label_en="score",
        label_zh="评分",
        parameters=(given.named("name", "score", _("score")),),
        typed=lambda terms, names: Typed(Kind.NUMBER),
        variants=lambda names: [Variant(Typed(Kind.NUMBER))],
        sql=_score_sql,
        changes=lambda terms, names: frozenset({("score", terms["name"])}),
        noun=_score_noun,
    )
)


# Rule-driven tags


def _rule_tag_since(plan: Plan, tag_id: int) -> Sql:
    return sql(
        "(SELECT max(c.at) FROM segments_change c WHERE c.tenant_id = {} AND c.member_id = m.id AND c.kind = {}"
        f" AND c.target_id = {tag_id} AND c.entered)",
        plan.scope.tenant, param(Change.Kind.TAG.value),
    )  # fmt: skip


declare_rule_tag_since(_rule_tag_since)
