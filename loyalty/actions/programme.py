"""What staff set: the programme, tiers, rewards. Each write is audited."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty.actions.ledger import LoyaltyError
from loyalty.models import Account, Programme, Reward, Tier
from members.actions import mark_dirty
from urm.audit.actions import record, snapshot
from urm.tenancy.work import wake

PROGRAMME_FIELDS = ("name", "active", "points_per_unit", "starts_at", "ends_at", "expiry_days")
TIER_FIELDS = ("name", "threshold", "benefits")
REWARD_FIELDS = ("name", "description", "cost", "stock", "per_member_limit", "active")


def save_programme(**values: Any) -> Programme:
    """Create or change the workspace's programme. Values are those of PROGRAMME_FIELDS; points booked already stay."""
    with transaction.atomic():
        programme = Programme.objects.select_for_update().first()
        before = snapshot(programme, *PROGRAMME_FIELDS) if programme else None
        programme = programme or Programme()
        _write(programme, values, PROGRAMME_FIELDS)
        record(
            verb="programme.update" if before else "programme.create",
            target=programme,
            before=before,
            after=snapshot(programme, *PROGRAMME_FIELDS),
        )
    return programme


def create_tier(**values: Any) -> Tier:
    """Values are those of TIER_FIELDS. All members are looked at again soon after."""
    with transaction.atomic():
        tier = Tier()
        _write(tier, values, TIER_FIELDS)
        record(verb="tier.create", target=tier, after=snapshot(tier, *TIER_FIELDS))
        _wake_tiers()
    return tier


def update_tier(*, tier: Tier, **values: Any) -> Tier:
    with transaction.atomic():
        tier = Tier.objects.select_for_update().get(pk=tier.pk)
        before = snapshot(tier, *TIER_FIELDS)
        _write(tier, values, TIER_FIELDS)
        if tier.name != before["name"]:  # rules go by the name
            mark_dirty(_members_in(tier))
        record(verb="tier.update", target=tier, before=before, after=snapshot(tier, *TIER_FIELDS))
        _wake_tiers()
    return tier


def delete_tier(*, tier: Tier) -> None:
    """Members in it fall to the tier below, or to none."""
    with transaction.atomic():
        record(verb="tier.delete", target=tier, before=snapshot(tier, *TIER_FIELDS))
        Account.objects.filter(tier=tier).update(tier=None)
        tier.delete()
        _wake_tiers()


def create_reward(**values: Any) -> Reward:
    """Values are those of REWARD_FIELDS."""
    with transaction.atomic():
        reward = Reward()
        _write(reward, values, REWARD_FIELDS)
        record(verb="reward.create", target=reward, after=snapshot(reward, *REWARD_FIELDS))
    return reward


def update_reward(*, reward: Reward, **values: Any) -> Reward:
    with transaction.atomic():
        reward = Reward.objects.select_for_update().get(pk=reward.pk)
        before = snapshot(reward, *REWARD_FIELDS)
        _write(reward, values, REWARD_FIELDS)
        record(verb="reward.update", target=reward, before=before, after=snapshot(reward, *REWARD_FIELDS))
    return reward


def _write(row: Programme | Tier | Reward, values: dict[str, Any], fields: tuple[str, ...]) -> None:
    """Set, check and save; raises ValidationError naming the fields that are wrong."""
    if unknown := values.keys() - set(fields):
        raise LoyaltyError("invalid", _("Unknown field."), min(unknown))
    for name, value in values.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()


def _members_in(tier: Tier) -> list[int]:
    members = Account.objects.filter(tier=tier).values_list("member_id", flat=True)
    return [member for member in members if member is not None]


def _wake_tiers() -> None:
    transaction.on_commit(lambda: wake("loyalty.tiers"))
