"""Parked events: what staff can do about an event that a consumer could not digest."""

import orjson
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from members.consumers.log import ABSORBER, Consumer, LoggedEvent, reactions
from members.models import EventName, InboxEntry, ParkedEvent
from urm.audit.actions import record
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake


def retry_parked(*, parked: ParkedEvent) -> bool:
    """Give it to its consumer again; False, with the new reason stored, when that fails again.

    What the absorber refused goes back into the inbox and may come back parked.
    """
    with transaction.atomic():
        row = ParkedEvent.objects.select_for_update().filter(pk=parked.pk).first()
        if row is None:
            return True  # somebody else was quicker
        record(verb="parked_event.retry", target=row, target_label=row.consumer)
        if row.consumer == ABSORBER:
            body = row.body["items"]
            InboxEntry.objects.create(items=len(orjson.loads(body)), body=body)
        else:
            try:
                with transaction.atomic():
                    _consumer(row.consumer).consume([_logged(row)])
            except OperationalError:
                raise  # the database is away: nothing is known about the event
            except Exception as error:
                row.reason, row.parked_at = f"{type(error).__name__}: {error}"[:2000], timezone.now()
                row.save(update_fields=["reason", "parked_at"])
                return False
        row.delete()
        transaction.on_commit(lambda: wake("stream"))
    return True


def drop_parked(*, parked: ParkedEvent) -> None:
    """Give up on it: its consumer goes without; the log keeps the event."""
    with transaction.atomic():
        record(verb="parked_event.drop", target=parked, target_label=parked.consumer, before={"reason": parked.reason})
        ParkedEvent.objects.filter(pk=parked.pk).delete()


def _consumer(name: str) -> Consumer:
    for reaction in reactions():
        if reaction.name == name and isinstance(reaction, Consumer):
            return reaction
    raise LookupError(f"No consumer is named {name} any more; drop the event.")


def _logged(row: ParkedEvent) -> LoggedEvent:
    names = dict(EventName.objects.values_list("id", "name"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, received_at, member_id, name_id, occurred_at, amount, properties::text, trusted "
            "FROM members_event WHERE tenant_id = %s AND received_at = %s AND id = %s",
            [require_tenant(), row.received_at, row.event_id],
        )
        found = cursor.fetchone()
    if found is None:
        raise LookupError("The event is no longer in the log.")
    pk, received, member, name, occurred, amount, properties, trusted = found
    return LoggedEvent(pk, received, member, names[name], occurred, amount, orjson.loads(properties), trusted)
