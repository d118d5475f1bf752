"""Addresses that leave the current workspace: `reverse()` alone stays inside it (urm.tenancy.middleware)."""

import re

from django.conf import settings
from django.urls import get_script_prefix, reverse, set_script_prefix

_WORKSPACE_PREFIX = re.compile(r"w/[-\w]{1,50}/$")


def root_prefix() -> str:
    return _WORKSPACE_PREFIX.sub("", get_script_prefix())


def outside_workspace(name: str, **arguments: str) -> str:
    """The address of a page that belongs to no workspace, such as the log-in."""
    prefix = get_script_prefix()
    set_script_prefix(root_prefix())
    try:
        return reverse(name, kwargs=arguments)
    finally:
        set_script_prefix(prefix)


def workspace_address(slug: str) -> str:
    """Where a workspace's admin begins."""
    return f"{root_prefix()}w/{slug}/admin/"


def public_address(name: str, **arguments: str) -> str:
    """The full address, for e-mails, of a page that belongs to no workspace."""
    return f"{settings.PUBLIC_URL}{outside_workspace(name, **arguments)}"
