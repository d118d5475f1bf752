"""What messages can say about members: profile and last purchase from the people's own tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from members.models import AttributeDefinition, EventName, Member
from segments.models import Segment
from segments.queries.propositions import current_propositions, propositions_of_versions
from segments.queries.propositions import in_language as spoken
from urm.channels.variables import MessageVariable
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

PURCHASE = "purchase"
_PROFILE = ("first_name", "last_name", "email", "city", "region", "country", "language", "gender", "birthday")

_MEMBERS = f"""
SELECT id, external_id, attributes::text, {", ".join(_PROFILE)}
FROM members_member WHERE tenant_id = %s AND id = ANY (%s)
"""

# Each member's last day with a purchase: one look into the index of the daily counts.
_LAST_PURCHASE = """
SELECT m.id, d.last_at, d.count, d.amount_sum
FROM unnest(%(ids)s::bigint[]) m(id)
CROSS JOIN LATERAL (
    SELECT last_at, count, amount_sum FROM members_daily
    WHERE tenant_id = {tenant} AND member_id = m.id AND name_id = %(name)s ORDER BY day DESC LIMIT 1
) d
"""

# Only for those who bought more than once on that day.
_LAST_AMOUNT = """
SELECT DISTINCT ON (e.member_id) e.member_id, e.amount
FROM members_event e JOIN unnest(%(ids)s::bigint[], %(moments)s::timestamptz[]) w(id, at)
  ON e.member_id = w.id AND e.occurred_at = w.at
WHERE e.tenant_id = {tenant} AND e.name_id = %(name)s ORDER BY e.member_id, e.received_at DESC, e.id DESC
"""


def member_fields() -> Mapping[str, str | Promise]:
    fields: dict[str, str | Promise] = {"member.name": _("full name"), "member.external_id": _("external id")}
    for name in _PROFILE:
        fields[f"member.{name}"] = str(getattr(Member._meta.get_field(name), "verbose_name", name))
    for definition in AttributeDefinition.objects.order_by("name"):
        fields[f"member.attributes.{definition.name}"] = str(definition)
    return fields


def load_members(member_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, [require_tenant(), list(member_ids)])
        return {pk: _member(external_id, attributes, profile) for pk, external_id, attributes, *profile in cursor}


def _member(external_id: str | None, attributes: str, profile: Sequence[Any]) -> dict[str, Any]:
    values = dict(zip(_PROFILE, profile, strict=True))
    full_name = Member(
        first_name=values["first_name"], last_name=values["last_name"], language=values["language"]
    ).full_name
    return {**values, "name": full_name, "external_id": external_id, "attributes": orjson.loads(attributes)}


def last_purchase_fields() -> Mapping[str, str | Promise]:
    return {
        "last_purchase.date": _("moment of the last purchase"),
        "last_purchase.amount": _("amount of the last purchase"),
    }


def load_last_purchases(member_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    name_id = EventName.objects.filter(name=PURCHASE).values_list("id", flat=True).first()
    if name_id is None:
        return {}
    tenant = require_tenant()
    with connection.cursor() as cursor:
        cursor.execute(_LAST_PURCHASE.format(tenant=tenant), {"ids": list(member_ids), "name": name_id})
        found = cursor.fetchall()
        amounts = {member_id: amount for member_id, _at, _count, amount in found}
        if several := [(member_id, at) for member_id, at, count, _amount in found if count > 1]:
            ids, moments = zip(*several, strict=True)
            cursor.execute(
                _LAST_AMOUNT.format(tenant=tenant), {"ids": list(ids), "moments": list(moments), "name": name_id}
            )
            amounts.update(cursor.fetchall())
    return {member_id: {"date": at, "amount": amounts[member_id]} for member_id, at, _count, _amount in found}


def shared_fields() -> Mapping[str, str | Promise]:
    """What is the same for every member of a campaign, and the way out."""
    return {
        "segment.name": _("segment"),
        "segment.value_proposition": _("the segment's value proposition, in the member's language"),
        "segment.pain_points": _("what bothers the segment's members"),
        "segment.selling_points": _("what we offer the segment's members"),
        "workspace.name": _("workspace"),
        "unsubscribe_url": _("address of the unsubscribe page"),
        "preferences_url": _("address of the preference centre"),
    }


def shared_values(campaign: Campaign | None, versions: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The values of `shared_fields` but for the way out; without a campaign there is no segment.

    `versions` are those of the value proposition that a run began with; without them the newest count. `in_language`
    chooses among them.
    """
    tenant = Tenant.objects.get(pk=require_tenant())
    segment = campaign.segment if campaign else None
    shared: dict[str, Any] = {"workspace": {"name": tenant.name, "currency": tenant.currency}, "segment": {}}
    if segment is not None:
        found = current_propositions(segment) if versions is None else propositions_of_versions(segment, versions)
        shared["segment"] = {"name": segment.name, "value_proposition": segment.value_proposition}
        shared[_PROPOSITIONS] = (found, tenant.language)
    return shared


def in_language(shared: Mapping[str, Any], language: str | None) -> dict[str, Any]:
    """The shared values for a member of that language."""
    found, own = shared.get(_PROPOSITIONS, ({}, ""))
    values = {name: value for name, value in shared.items() if name != _PROPOSITIONS}
    chosen = spoken(found, [language, own])
    if chosen is not None:
        texts = {"pain_points": chosen.pain_points, "selling_points": chosen.selling_points}
        values["segment"] = {**values["segment"], "value_proposition": chosen.wording, **texts}
    return values


def proposition_versions(segment: Segment) -> dict[str, int]:
    return {language: one.version for language, one in current_propositions(segment).items()}


_PROPOSITIONS = "value propositions"  # no name of a variable


VARIABLES = (
    MessageVariable("member", member_fields, load_members),
    MessageVariable("last_purchase", last_purchase_fields, load_last_purchases),
)
