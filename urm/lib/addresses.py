"""Addresses that leave the server: in messages, and wherever no request says how the server was reached."""

from django.conf import settings


def public_url(path: str) -> str:
    """The absolute address of a path, such as `/m/c/…`, as members and apps reach it."""
    return f"{settings.PUBLIC_URL}{path}"
