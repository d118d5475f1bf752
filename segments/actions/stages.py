"""Lifecycle stages, and tags that follow a rule."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from members.actions import create_tag
from members.models import EventName, MemberTag, Tag
from segments.actions.saving import checked_rule, mark_stale
from segments.actions.segments import SegmentError
from segments.models import KeptTag, Stage, TagRule
from segments.queries.dependencies import STAGES
from urm.audit.actions import record, snapshot
from urm.rules.sqltext import Sql
from urm.rules.workspace import execute
from urm.tenancy.actions import register_setup
from urm.tenancy.context import require_tenant

_AUDITED = ("key", "label_en", "label_zh", "rule", "position", "flow")
PURCHASE = "purchase"
MAX_KEEP_DAYS = 3650


def _bought(measure: str, op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"fact": "event", "name": PURCHASE, "measure": measure, **more, "op": op, "value": value}


# In the order in which they are tried; `flow` is the order in which a member usually passes through them.
DEFAULT_STAGES: tuple[tuple[str, str, str, int, dict[str, Any]], ...] = (
    ("lost", "Lost", "流失", 7, _bought("days_since_last", "gt", 180)),
    ("at_risk", "At risk", "流失预警", 6, _bought("days_since_last", "gt", 90)),
    (
        "won_back",
        "Won back",
        "召回",
        8,
        {
            "all": [
                _bought("count", "gte", 1, window={"days": 30}),
                _bought("count", "eq", 0, window={"days": 120, "until_days_ago": 30}),
                _bought("first", "more_than_ago", 120),
            ]
        },
    ),
    ("loyalty", "Loyalty", "忠诚", 4, _bought("days", "gte", 6, window={"days": 365})),
    ("retention", "Retention", "留存", 5, _bought("days", "gte", 2)),
    ("conversion", "Conversion", "转化", 3, _bought("count", "gte", 1)),
    (
        "onboarding",
        "Onboarding",
        "引导",
        2,
        {"fact": "profile", "name": "first_seen_at", "op": "within_last", "value": 30},
    ),
    ("prospect", "Prospect", "潜在", 1, {"all": []}),
)


@register_setup
def install_default_stages() -> None:
    """The usual lifecycle, for a workspace without any stage: prospect to won back, by purchases."""
    with transaction.atomic():
        if Stage.objects.exists():
            return
        EventName.objects.get_or_create(name=PURCHASE)
        for position, (key, english, chinese, flow, rule) in enumerate(DEFAULT_STAGES, start=1):
            Stage.objects.create(
                key=key,
                label_en=english,
                label_zh=chinese,
                position=position,
                flow=flow,
                rule=checked_rule(rule, STAGES),
            )
        mark_stale(STAGES)


def edit_stage(
    *,
    stage: Stage,
    rule: Mapping[str, Any] | None = None,
    label_en: str | None = None,
    label_zh: str | None = None,
    position: int | None = None,
) -> Stage:
    """Change what is given; another rule or position has all stages computed again. Raises RuleError."""
    with transaction.atomic():
        stage = Stage.objects.select_for_update().get(pk=stage.pk)
        before = snapshot(stage, *_AUDITED)
        stage.rule = checked_rule(rule, STAGES) if rule is not None else stage.rule
        stage.label_en = stage.label_en if label_en is None else label_en
        stage.label_zh = stage.label_zh if label_zh is None else label_zh
        stage.position = stage.position if position is None else position
        stage.save()
        after = snapshot(stage, *_AUDITED)
        record(verb="stage.update", target=stage, before=before, after=after)
        if (before["rule"], before["position"]) != (after["rule"], after["position"]):
            mark_stale(STAGES)
    stage.refresh_from_db()
    return stage


def set_tag_rule(*, name: str, rule: Mapping[str, Any], keep_days: int | None = None) -> TagRule:
    """Have a tag follow a rule, making the tag when it is new. A tag that people put on members by hand is refused.

    It stays on a member for `keep_days` days after the rule ceased to hold; not given, that stays as it is."""
    if keep_days is not None and not 0 <= keep_days <= MAX_KEEP_DAYS:
        message = _("Must be 0 to %(most)s days.") % {"most": MAX_KEEP_DAYS}
        raise SegmentError({"keep_days": message})
    with transaction.atomic():
        tag = Tag.objects.filter(name=name).first()
        if tag is None:
            tag = create_tag(name=name, kind=Tag.Kind.RULE)
        elif MemberTag.objects.filter(tag=tag).exists():
            raise SegmentError({"tag": _("Members have this tag by hand. Take it off them, or use another tag.")})
        elif tag.kind != Tag.Kind.RULE:
            Tag.objects.filter(pk=tag.pk).update(kind=Tag.Kind.RULE)
        source = checked_rule(rule, ("tag", tag.name))
        row = TagRule.objects.filter(tag=tag).first()
        before = {"rule": row.rule, "keep_days": row.keep_days} if row is not None else {}
        days = keep_days if keep_days is not None else row.keep_days if row is not None else 0
        after = {"rule": source, "keep_days": days}
        if row is None:
            row = TagRule.objects.create(tag=tag, **after)
        else:
            TagRule.objects.filter(pk=row.pk).update(**after)
            row.refresh_from_db()
        record(verb="tag.set_rule", target=tag, before=before, after=after)
        if before != after:
            mark_stale(("tag", tag.name))
    return row


def remove_tag_rule(*, rule: TagRule) -> None:
    """Take the rule off a tag: it becomes a tag put on by hand, and nobody has it."""
    with transaction.atomic():
        tag = rule.tag
        rule.delete()
        KeptTag.objects.filter(tag=tag).delete()
        Tag.objects.filter(pk=tag.pk).update(kind=Tag.Kind.MANUAL)
        execute(
            Sql(
                f"UPDATE members_memberstate SET tag_ids = array_remove(tag_ids, {int(tag.pk)})"
                f" WHERE tenant_id = {require_tenant()} AND tag_ids @> ARRAY[{int(tag.pk)}]"
            )
        )
        record(verb="tag.remove_rule", target=tag)
        mark_stale(("tag", tag.name))
