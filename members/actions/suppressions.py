"""Addresses that must never be written to."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from members.actions.events import mark_dirty
from members.actions.members import MemberError
from members.models import Member, Suppression
from members.queries.permission import ADDRESS_COLUMNS
from urm.audit.actions import record


def suppress_address(*, channel: str, address: str, reason: str) -> tuple[Suppression, bool]:
    """Never write to this address again, whatever is consented; returns the entry and whether it is new."""
    address = address.strip().lower()
    if channel not in ADDRESS_COLUMNS:
        raise MemberError({"channel": _("Only e-mail and SMS have addresses that can be suppressed.")})
    if not address or len(address) > 254 or "\x00" in address:
        raise MemberError({"address": _("Must be a text of 1 to 254 characters.")})
    with transaction.atomic():
        row, created = Suppression.objects.get_or_create(
            channel=channel,
            digest=Suppression.digest_of(channel, address),
            defaults={"reason": reason[:200], "address": address},
        )
        if created:
            mark_dirty(_affected(row).values_list("pk", flat=True))
            record(verb="suppression.add", target=row, target_label=channel)
    return row, created


def lift_suppression(*, suppression: Suppression) -> None:
    """Take the entry away: the address may be written to again as far as consent allows."""
    with transaction.atomic():
        record(verb="suppression.lift", target=suppression, target_label=suppression.channel)
        mark_dirty(_affected(suppression).values_list("pk", flat=True))
        suppression.delete()


def _affected(row: Suppression) -> QuerySet[Member]:
    """Members with this address; nobody is known by one whose person was erased."""
    if row.address is None:
        return Member.objects.none()
    return Member.objects.filter(**{ADDRESS_COLUMNS[row.channel]: row.address})
