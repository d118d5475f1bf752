"""Saving rules: what is refused, what is audited, who sees what."""

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from members.actions import accept_events, add_tag, canonical_event, upsert_member
from members.consumers.absorb import absorb
from members.models import EventName, Member
from segments.actions import (
    SegmentError,
    add_to_list,
    create_segment,
    delete_segment,
    edit_segment,
    edit_stage,
    install_default_stages,
    recompute_segments,
    refresh_members,
    remove_tag_rule,
    set_tag_rule,
)
from segments.models import Change, Segment, Stage, TagRule
from segments.queries import (
    changes_of_member,
    explain_membership,
    members_of,
    preview,
    rule_in_words,
    segments_of,
    sizes,
)
from tests.segments.conftest import Buy
from urm.audit.models import AuditEntry
from urm.rules import RuleError
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

BIG = {"fact": "event", "name": "purchase", "measure": "sum:amount", "op": "gte", "value": 100}


def is_in(segment: Segment) -> dict[str, Any]:
    return {"fact": "segment", "id": segment.pk, "op": "is_true"}


def tagged(name: str) -> dict[str, Any]:
    return {"fact": "tag", "name": name, "op": "is_true"}


def test_create_segment_is_audited(shop: Tenant) -> None:
    segment = create_segment(name=" Big ", rule=BIG)
    assert (segment.name, segment.rule, segment.stale) == ("Big", {"version": 1, **BIG}, True)
    entry = AuditEntry.objects.get(verb="segment.create")
    assert (entry.target_id, entry.after["rule"]) == (str(segment.pk), {"version": 1, **BIG})


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "", "rule": BIG}, "name"),
        ({"name": "x" * 101, "rule": BIG}, "name"),
        ({"name": "Big", "rule": BIG}, "name"),
        ({"name": "No rule"}, "rule"),
        ({"name": "List", "rule": BIG, "kind": "static"}, "rule"),
    ],
)
def test_create_segment_refuses(shop: Tenant, fields: dict[str, Any], wrong: str) -> None:
    create_segment(name="Big", rule=BIG)
    with pytest.raises(SegmentError) as refused:
        create_segment(**fields)
    assert list(refused.value.fields) == [wrong]


def test_circle_is_refused_with_its_path(shop: Tenant) -> None:
    first = create_segment(name="First", rule=BIG)
    set_tag_rule(name="hot", rule=is_in(first))
    second = create_segment(name="Second", rule=tagged("hot"))
    with pytest.raises(RuleError) as refused:
        edit_segment(segment=first, rule={"not": is_in(second)})
    assert (refused.value.code, refused.value.message) == (
        "cycle",
        "the rule depends on itself: segment “First” → segment “Second” → tag “hot” → segment “First”",
    )


def test_circle_through_a_platform_event_is_refused(shop: Tenant) -> None:
    EventName.objects.create(name="urm.segment.entered", platform=True)
    first = create_segment(name="First", rule=BIG)
    entered = {"fact": "event", "name": "urm.segment.entered", "measure": "count", "op": "gte", "value": 1}
    with pytest.raises(RuleError, match="depends on itself"):
        edit_segment(segment=first, rule=entered)
    other = create_segment(name="Other", rule={**entered, "where": {"prop": "segment", "op": "eq", "value": first.pk}})
    assert other.rule["where"] == {"prop": "segment", "op": "eq", "value": first.pk}


def test_stage_may_not_read_itself(shop: Tenant) -> None:
    install_default_stages()
    with pytest.raises(RuleError, match="depends on itself"):
        edit_stage(stage=Stage.objects.get(key="lost"), rule={"fact": "stage", "op": "eq", "value": "at_risk"})


def test_segment_that_others_read_is_not_deleted(shop: Tenant) -> None:
    first = create_segment(name="First", rule=BIG)
    second = create_segment(name="Second", rule=is_in(first))
    with pytest.raises(SegmentError, match="Still read by: Second"):
        delete_segment(segment=first)
    delete_segment(segment=second)
    delete_segment(segment=first)
    assert not Segment.objects.exists()


def test_edited_rule_makes_its_readers_stale(shop: Tenant) -> None:
    first = create_segment(name="First", rule=BIG)
    create_segment(name="Second", rule=is_in(first))
    create_segment(name="Third", rule=BIG)
    recompute_segments()
    assert not Segment.objects.filter(stale=True).exists()
    edit_segment(segment=first, rule={**BIG, "value": 5})
    assert sorted(Segment.objects.filter(stale=True).values_list("name", flat=True)) == ["First", "Second"]


def test_tag_put_on_by_hand_gets_no_rule(buy: Buy) -> None:
    add_tag(member=buy("c-1"), name="vip")
    with pytest.raises(SegmentError, match="by hand"):
        set_tag_rule(name="vip", rule=BIG)


def test_tag_without_its_rule_holds_nobody(buy: Buy) -> None:
    member = buy("c-1", amount=100)
    set_tag_rule(name="big", rule=BIG)
    recompute_segments()
    assert member.state.tag_ids == [TagRule.objects.get().tag_id]
    remove_tag_rule(rule=TagRule.objects.get())
    member.state.refresh_from_db()
    assert member.state.tag_ids == []


def test_static_list_follows_no_rule(buy: Buy) -> None:
    with pytest.raises(SegmentError):
        add_to_list(segment=create_segment(name="Big", rule=BIG), members=[buy("c-1")])


def test_preview_counts_and_reads_the_rule(buy: Buy) -> None:
    for number in range(12):
        buy(f"c-{number}", amount=100 if number else 1)
    found = preview(BIG)
    assert (found.count, [member.external_id for member in found.sample], found.words) == (
        11,
        [f"c-{number}" for number in range(1, 11)],
        "bought for at least 100",
    )
    assert rule_in_words(BIG, "zh-hans") == "消费总额不少于 100"


def test_preview_says_what_it_reads_as_now(buy: Buy) -> None:
    buy("c-1", amount=100)
    add_tag(member=Member.objects.get(), name="vip")
    big = create_segment(name="Big and tagged", rule={"all": [BIG, tagged("vip")]})
    rule = {"any": [is_in(big), {"fact": "profile", "name": "city", "op": "is_set"}]}
    assert preview(rule).read_now == ()
    past = timezone.now() - timedelta(days=30)
    found = preview(rule, past)
    assert (found.count, found.as_of, found.read_now) == (0, past, ("profile", "tag"))
    assert preview(BIG, past).read_now == ()


@pytest.mark.parametrize("via", ["sequence", "event"])
def test_circle_through_steps_of_a_sequence_is_refused(shop: Tenant, via: str) -> None:
    EventName.objects.create(name="urm.segment.entered", platform=True)
    big = create_segment(name="Big", rule=BIG)
    entered = {"name": "urm.segment.entered", "where": {"prop": "segment", "op": "eq", "value": big.pk}}
    read: dict[str, dict[str, Any]] = {
        "sequence": {"fact": "sequence", "steps": [{"name": "purchase"}, entered], "op": "is_true"},
        "event": {"fact": "event", **entered, "measure": "count", "op": "gte", "value": 1},
    }
    with pytest.raises(RuleError) as refused:
        edit_segment(segment=big, rule=read[via])
    assert refused.value.message == "the rule depends on itself: segment “Big” → segment “Big”"


def test_explain_membership_names_the_deciding_event(buy: Buy) -> None:
    member = buy("c-1", amount=60)
    buy("c-1", amount=45, event_id="last", days_ago=0.5)
    segment = create_segment(name="Big", rule={"all": [BIG, {"not": {**BIG, "value": 200}}]})
    recompute_segments()
    reason = explain_membership(segment, member)
    assert (reason.kind, reason.met) == ("all", True)
    met, unmet = reason.children
    assert (met.expected, met.actual, met.met) == ("bought for at least 100", "105", True)
    assert met.event is not None
    assert (met.event.name, met.event.amount) == ("purchase", Decimal(45))
    assert (unmet.kind, unmet.met, unmet.children[0].met) == ("not", True, False)
    assert segments_of(member) == [segment]
    assert list(members_of(segment)) == [member]
    assert [(change.title, change.entered, change.cause) for change in changes_of_member(member.pk)] == [
        ("Big", True, "rule")
    ]


def test_explain_agrees_with_the_pass_for_a_member_without_anything(shop: Tenant) -> None:
    member: Member = upsert_member(external_id="c-1", traits={})[0]
    segment = create_segment(name="None", rule={"any": []})
    reason = explain_membership(segment, member)
    assert (reason.kind, reason.met, reason.children) == ("any", False, ())


def test_evaluate_rule_prints_sorted_external_ids(buy: Buy, tmp_path: Path) -> None:
    for external_id in ("b", "a", "B"):
        buy(external_id, amount=100)
    file = tmp_path / "rule.json"
    file.write_text(json.dumps(BIG))
    out = StringIO()
    call_command("evaluate_rule", str(file), workspace="acme", stdout=out)
    assert out.getvalue() == "B\na\nb\n"
    out = StringIO()
    call_command("evaluate_rule", str(file), workspace="acme", as_of="2001-01-01T00:00:00", stdout=out)
    assert out.getvalue() == ""


def test_evaluate_rule_says_what_is_wrong(shop: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "rule.json"
    file.write_text('{"fact": "tag", "name": "x", "op": "is_true"}')
    with pytest.raises(CommandError, match="name: unknown tag"):
        call_command("evaluate_rule", str(file), workspace="acme")
    with pytest.raises(CommandError, match="no workspace nowhere"):
        call_command("evaluate_rule", str(file), workspace="nowhere")


def test_other_workspace_sees_none_of_it(acme: Tenant, globex: Tenant) -> None:
    for workspace, amount in ((acme, 100), (globex, 1)):
        with tenant_context(workspace.pk):
            now = timezone.now()
            event = {"name": "purchase", "external_id": "c-1", "amount": amount}
            accept_events([canonical_event(event, trusted=True, now=now)])
            absorb()
            create_segment(name="Big", rule=BIG)
            refresh_members()
            recompute_segments()
    found = {}
    for workspace in (acme, globex):
        with tenant_context(workspace.pk):
            found[workspace.slug] = (preview(BIG, timezone.now()).count, sum(sizes().values()), Change.objects.count())
    assert found == {"acme": (1, 1, 1), "globex": (0, 0, 0)}
