"""What staff do to the workspace itself: people, keys, settings. Each is audited."""

from urm.ui.actions.keys import create_key, revoke_key
from urm.ui.actions.settings import change_workspace
from urm.ui.actions.staff import (
    StaffError,
    change_role,
    invite_staff,
    remove_staff,
    send_invitation,
    send_password_link,
)

__all__ = [
    "StaffError",
    "change_role",
    "change_workspace",
    "create_key",
    "invite_staff",
    "remove_staff",
    "revoke_key",
    "send_invitation",
    "send_password_link",
]
