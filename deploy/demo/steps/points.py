"""Step 5: points for every purchase, three tiers, one reward redeemed; the ledger agrees with itself and with us.

The programme is set up with the workspace, so that points were earned while the purchases came in.
"""

from __future__ import annotations

from deploy.demo.report import Bar, Outcome
from deploy.demo.run import Run
from deploy.demo.workspaces import Workspace
from loyalty.actions import create_reward, create_tier, reconcile, redeem_reward, save_programme
from loyalty.models import Account, Programme, Redemption, Reward, Tier
from loyalty.queries import own_balance
from members.models import Member

TITLE = "5 Points, tiers, a reward"
TIERS = {"Silver": 500, "Gold": 2000, "Platinum": 5000}
CHINESE_TIERS = {"银卡": 500, "金卡": 2000, "白金卡": 5000}
COST = 500


def set_up(workspace: Workspace) -> None:
    """A point for each whole currency unit of a purchase; points do not expire."""
    if Programme.objects.exists():
        save_programme(points_per_unit=1, expiry_days=None, active=True)
    else:
        save_programme(name="丰收积分" if workspace.chinese else "Harvest Points", points_per_unit=1, expiry_days=None)
    for name, threshold in (CHINESE_TIERS if workspace.chinese else TIERS).items():
        if not Tier.objects.filter(threshold=threshold).exists():
            create_tier(name=name, threshold=threshold)
    if not Reward.objects.filter(cost=COST).exists():
        create_reward(
            name="满减券 5 元" if workspace.chinese else "5 off your next purchase",
            cost=COST,
            stock=1000,
            per_member_limit=1,
        )


def run(run: Run, bar: Bar, outcome: Outcome) -> None:
    issued = 0
    for workspace in run.workspaces:
        with workspace.entered():
            bar.show(f"{workspace.tenant.slug}: redeeming", force=True)
            redeemer = _redeem()
            run.work_off(workspace)
            bar.show(f"{workspace.tenant.slug}: reconciling", 1, 2, force=True)
            issued += _check(run, workspace, outcome, redeemer)
    outcome.count = f"{issued:,} points issued, {len(run.workspaces)} rewards redeemed"


def _redeem() -> str:
    """The member with most points takes the reward; asking again with the same key changes nothing."""
    earlier = Redemption.objects.select_related("member").first()
    if earlier is not None:
        return str(earlier.member.external_id)
    richest = Account.objects.filter(kind="member").order_by("-balance", "-pk").values_list("member_id", flat=True)[0]
    member, reward = Member.objects.get(pk=richest), Reward.objects.get(cost=COST)
    for _again in range(2):
        redeem_reward(member=member, reward=reward, idempotency_key="demo-first-reward")
    return str(member.external_id)


def _check(run: Run, workspace: Workspace, outcome: Outcome, redeemer: str) -> int:
    slug = workspace.tenant.slug
    expected = {
        str(household): points
        for household, points in run.expected(workspace).rows(
            "SELECT household, sum(cents // 100)::BIGINT AS points FROM purchase GROUP BY 1 HAVING points > 0"
        )
    }
    members = {
        external_id: (lifetime, balance, tier)
        for external_id, lifetime, balance, tier in Account.objects.filter(
            kind="member", lifetime_points__gt=0
        ).values_list("member__external_id", "lifetime_points", "balance", "tier__name")
    }
    tiers = CHINESE_TIERS if workspace.chinese else TIERS
    outcome.equal(
        f"{slug}: lifetime points of each member",
        {name: lifetime for name, (lifetime, _, _) in members.items()},
        expected,
    )
    outcome.equal(
        f"{slug}: balance of each member",
        {name: balance for name, (_, balance, _) in members.items()},
        {name: points - (COST if name == redeemer else 0) for name, points in expected.items()},
    )
    outcome.equal(
        f"{slug}: tier of each member",
        {name: tier for name, (_, _, tier) in members.items()},
        {
            name: max((from_, tier) for tier, from_ in [(None, -1), *tiers.items()] if points >= from_)[1]
            for name, points in expected.items()
        },
    )
    total: int = sum(expected.values())
    outcome.equal(
        f"{slug}: points issued and redeemed", (-own_balance("issued"), own_balance("redeemed")), (total, COST)
    )
    result = reconcile()
    outcome.equal(f"{slug}: drift of the ledger", result.drifts, [])
    return total
