"""Whose name and address mails carry."""

from email.utils import parseaddr

from django.conf import settings


def sender_of(name: str = "") -> tuple[str, str]:
    """(name, address) for a Skeleton: the installation's address (FROM_EMAIL) under the given name."""
    own_name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return name or own_name, address
