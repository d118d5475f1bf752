"""Stages, three segments and a tag that follows a rule, all computed."""

from django.utils import timezone

from members.models import Member
from segments.actions import (
    add_to_list,
    compute_scores,
    create_segment,
    install_default_stages,
    save_proposition,
    set_stage_target,
    set_tag_rule,
)
from segments.models import Segment, Stage
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


def build(tenant: Tenant) -> None:
    purchase = {"fact": "event", "name": "purchase"}
    install_default_stages()
    create_segment(
        name="Lapsing big spenders",
        description="Worth a call",
        value_proposition="A quiet table and a free coffee",
        rule={
            "version": 1,
            "all": [
                {**purchase, "measure": "sum:amount", "window": {"days": 365}, "op": "gte", "value": 150},
                {**purchase, "measure": "days_since_last", "op": "gt", "value": 10},
                {"not": {"fact": "tag", "name": "VIP", "op": "is_true"}},
            ],
        },
    )
    create_segment(
        name="New in the last 60 days",
        rule={"version": 1, "all": [{"fact": "profile", "name": "first_seen_at", "op": "within_last", "value": 60}]},
    )
    friends = create_segment(name="Friends of the house", kind="static")
    add_to_list(segment=friends, members=list(Member.objects.order_by("pk")[:3]))
    set_tag_rule(
        name="big-spender",
        rule={"version": 1, **purchase, "measure": "sum:amount", "op": "gte", "value": 300},
        keep_days=30,
    )
    drain(tenant.pk)
    month = timezone.localtime(timezone.now(), tenant.zone).date()
    for key, metric, goal in (("conversion", "entered", 20), ("retention", "size", 50)):
        set_stage_target(stage=Stage.objects.get(key=key), month=month, metric=metric, goal=goal)
    lapsing = Segment.objects.get(name="Lapsing big spenders")
    texts = {"pain_points": "No time in the morning\nQueues", "selling_points": "Order ahead\nA table by name"}
    save_proposition(segment=lapsing, language="en", wording="A quiet table and a free coffee", **texts)
    save_proposition(segment=lapsing, language="zh-hans", wording="安静的座位，一杯免费咖啡", pain_points="早上没时间")
    compute_scores()
    drain(tenant.pk)
