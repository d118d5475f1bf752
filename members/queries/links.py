"""Members' own addresses: the sealed numbers are the whole credential."""

from members.models import Confirmation
from urm.lib.addresses import public_url
from urm.lib.tokens import seal, unseal
from urm.tenancy.context import require_tenant

_PREFERENCES = "members.preferences"
_CONFIRMATION = "members.confirmation"
NOBODY = 0  # whose preferences the link of a preview or test mail shows


def preferences_url(member_id: int) -> str:
    """The preference centre of a member. It works for as long as messages lie in mailboxes, and shows no secrets."""
    return public_url(preferences_path(member_id))


def preferences_path(member_id: int) -> str:
    return f"/p/{seal(_PREFERENCES, require_tenant(), member_id)}"


def confirmation_url(confirmation: Confirmation) -> str:
    """Where the question is answered; the row says until when."""
    return public_url(f"/c/{seal(_CONFIRMATION, require_tenant(), confirmation.pk)}")


def read_preferences_token(token: str) -> tuple[int, int] | None:
    """(tenant id, member id); None for a link that was not made here."""
    numbers = unseal(_PREFERENCES, token, count=2)
    return (numbers[0], numbers[1]) if numbers else None


def read_confirmation_token(token: str) -> tuple[int, int] | None:
    """(tenant id, confirmation id); None for a link that was not made here."""
    numbers = unseal(_CONFIRMATION, token, count=2)
    return (numbers[0], numbers[1]) if numbers else None
