"""The one gate of sending: what stands against writing to a member now.

Whoever sends asks it in the transaction that hands the message over (`obstacles`), whoever plans may ask it in SQL
(`gate`). Nothing else decides, so nothing can be forgotten in one place.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from urm.tenancy.context import require_tenant

# Where a member's address of a channel stands, as a column of members m.
ADDRESS_COLUMNS = {"email": "email", "sms": "phone"}

# In the order of precedence.
OBSTACLES: dict[str, str | Promise] = {
    "erased": _("erased or asked for it"),
    "merged": _("merged into another member"),
    "no_address": _("no address"),
    "no_consent": _("no consent"),
    "suppressed": _("on the suppression list"),
}


@dataclass(frozen=True)
class Gate:
    """SQL over members m. `{tenant}` is a literal to be filled in; %(channel)s and %(purpose)s are parameters.

    `obstacle` is a key of OBSTACLES, NULL when the member may be written to; it needs `joins`.
    """

    obstacle: str
    joins: str


def suppression_digest(address: str, *, channel: str = "%(channel)s") -> str:
    """SQL for what Suppression.digest_of gives; `address` is an SQL expression, {tenant} is filled in later."""
    return f"sha256(convert_to({{tenant}}::text || ':' || {channel} || ':' || lower({address}), 'UTF8'))"


def gate(channel: str, *, consent: bool = True) -> Gate:
    """`consent` False: for what a member asked for a moment ago, such as a link to confirm something."""
    address = f"m.{ADDRESS_COLUMNS[channel]}" if channel in ADDRESS_COLUMNS else "NULL::text"
    return Gate(
        obstacle=f"""
CASE WHEN m.erased_at IS NOT NULL OR m.erasure_requested_at IS NOT NULL THEN 'erased'
     WHEN m.merged_into_id IS NOT NULL THEN 'merged'
     WHEN {address} IS NULL OR {address} = '' THEN 'no_address'
     {"WHEN c.granted IS NOT TRUE THEN 'no_consent'" if consent else ""}
     WHEN x.id IS NOT NULL THEN 'suppressed' END
""",
        joins=(
            """
LEFT JOIN members_consent c ON c.tenant_id = {tenant} AND c.member_id = m.id
                           AND c.channel = %(channel)s AND c.purpose = %(purpose)s"""
            if consent
            else ""
        )
        + f"""
LEFT JOIN members_suppression x ON x.tenant_id = {{tenant}} AND x.channel = %(channel)s
                               AND x.digest = {suppression_digest(address)}
""",
    )


def obstacles(member_ids: Collection[int], *, channel: str, purpose: str | None) -> dict[int, str]:
    """What stands against writing to these members now, by id; those who may be written to are left out.

    `purpose` None asks for no consent. Call it in the transaction that hands the message over.
    """
    asked = gate(channel, consent=purpose is not None)
    # Each look-up apart from the others: a planner without fresh statistics (half a million deliveries were just
    # decided) then has no join to get wrong.
    statement = f"""
SELECT w.id, CASE WHEN o.id IS NULL THEN 'erased' ELSE o.reason END FROM unnest(%(ids)s::bigint[]) w(id)
LEFT JOIN LATERAL (
    SELECT m.id, {asked.obstacle} AS reason FROM members_member m {asked.joins}
    WHERE m.tenant_id = {{tenant}} AND m.id = w.id LIMIT 1
) o ON true
"""
    parameters: dict[str, Any] = {"ids": list(member_ids), "channel": channel, "purpose": purpose}
    with connection.cursor() as cursor:
        cursor.execute(statement.format(tenant=require_tenant()), parameters)
        return {member_id: obstacle for member_id, obstacle in cursor.fetchall() if obstacle}
