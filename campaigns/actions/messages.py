"""Writing messages."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Message
from campaigns.queries.content import ContentError, prepare
from urm.audit.actions import record, snapshot

_FIELDS = ("name", "subject", "format", "body", "text", "sender_name")


def create_message(
    *,
    name: str,
    subject: str,
    body: str,
    format: str = Message.Format.HTML,  # noqa: A002 - the field's name
    text: str = "",
    sender_name: str = "",
) -> Message:
    """Raises ValidationError by field when something is missing or a template cannot be read."""
    message = Message(name=name, subject=subject, format=format, body=body, text=text, sender_name=sender_name)
    _check(message)
    with transaction.atomic():
        message.save()
        record(verb="message.create", target=message, after=snapshot(message, *_FIELDS))
    return message


def change_message(*, message: Message, **fields: Any) -> Message:
    """Set the given fields; refused (code `in_use`) once a campaign with the message is under way."""
    with transaction.atomic():
        stored = Message.objects.select_for_update().get(pk=message.pk)
        if is_in_use(stored):
            raise ValidationError(
                _("A campaign with this message is under way. Copy the message and change the copy."), code="in_use"
            )
        before = snapshot(stored, *_FIELDS)
        for name, value in fields.items():
            setattr(stored, name, value)
        _check(stored)
        stored.save()
        record(verb="message.update", target=stored, before=before, after=snapshot(stored, *_FIELDS))
    return stored


def is_in_use(message: Message) -> bool:
    """Whether members have got it, get it or are about to."""
    return Campaign.objects.filter(message=message).exclude(state=Campaign.State.DRAFT).exists()


def _check(message: Message) -> None:
    message.clean_fields()
    try:
        prepare(message, tracked=True)
    except ContentError as error:
        raise ValidationError({error.field: error.message}) from error
