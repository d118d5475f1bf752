"""Points: the ledger stays, balanced, and without the words that came with a booking."""

from django.utils.translation import gettext_lazy as _

from urm.privacy import Forget, Person, Table, declare
from urm.privacy.registry import LookUp, execute

_OWN_ACCOUNTS = "(SELECT id FROM loyalty_account WHERE tenant_id = {tenant} AND member_id = ANY({members}))"


def _forget(person: Person) -> None:
    """Append-only for the application: a function of the owner's blanks, and can do nothing else."""
    execute("SELECT app.blank_transfers({members})", person)


declare(
    Table(
        "loyalty_account",
        title=_("Points"),
        person="member_id",
        pseudonymous="id member_id",
        neutral="tenant_id kind balance lifetime_points tier_id tier_since opened_at",
        hidden="tenant_id member_id kind id",
        look_up={"tier_id": LookUp("loyalty_tier", "name", _("tier"))},
    ),
    Table(
        "loyalty_transfer",
        title=_("Points booked"),
        rows=f"(debit_account_id IN {_OWN_ACCOUNTS} OR credit_account_id IN {_OWN_ACCOUNTS})",
        personal="idempotency_key body_hash reason",
        pseudonymous="id debit_account_id credit_account_id event_id",
        neutral="tenant_id amount kind lifetime_points reverses_id lot_ids lot_points occurred_at created_at",
        hidden="tenant_id idempotency_key body_hash event_id reverses_id lot_ids lot_points debit_account_id "
        "credit_account_id",
        erase=Forget(_forget),
    ),
    Table(
        "loyalty_lot",
        rows=f"account_id IN {_OWN_ACCOUNTS}",
        pseudonymous="id account_id transfer_id",
        neutral="tenant_id points remaining expires_at is_open",
    ),
    Table("loyalty_reconciliation", neutral="id tenant_id ran_at accounts drifts"),
    Table("loyalty_programme", neutral="id tenant_id name active points_per_unit starts_at ends_at expiry_days"),
    Table("loyalty_tier", neutral="id tenant_id name threshold benefits"),
    Table(
        "loyalty_tierchange",
        title=_("Tiers over time"),
        rows=f"account_id IN {_OWN_ACCOUNTS}",
        pseudonymous="id account_id",
        neutral="tenant_id before after lifetime_points at",
        hidden="tenant_id account_id id",
    ),
    Table("loyalty_reward", neutral="id tenant_id name description cost stock per_member_limit active created_at"),
    Table(
        "loyalty_redemption",
        title=_("Rewards you took"),
        person="member_id",
        pseudonymous="id member_id transfer_id",
        neutral="tenant_id reward_id points redeemed_at cancelled_at",
        hidden="tenant_id member_id transfer_id",
        look_up={"reward_id": LookUp("loyalty_reward", "name", _("reward"))},
    ),
)
