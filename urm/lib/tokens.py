"""Numbers sealed into an address: nobody can change them, or make such an address, without the secret key."""

import base64
import binascii
import hashlib
import hmac
import struct
from functools import lru_cache

from django.conf import settings

_MAC = 12  # bytes: 96 bits cannot be guessed, and keep links short


def seal(purpose: str, *numbers: int) -> str:
    """`numbers` (0 … 2⁶⁴ − 1) as text that fits into a path. Public links give the tenant's id first.

    A token of one purpose is worth nothing for another.
    """
    body = struct.pack(f">{len(numbers)}Q", *numbers)
    return _as_text(body + _mac(settings.SECRET_KEY, purpose, body))


def unseal(purpose: str, token: str, *, count: int) -> tuple[int, ...] | None:
    """The `count` numbers of a token; None for one that was not sealed here for this purpose."""
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    if len(raw) != 8 * count + _MAC or _as_text(raw) != token:
        return None
    body, mac = raw[:-_MAC], raw[-_MAC:]
    keys = (settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS))
    if not any(hmac.compare_digest(mac, _mac(key, purpose, body)) for key in keys):
        return None
    return struct.unpack(f">{count}Q", body)


def fingerprint(purpose: str, *numbers: int) -> str:
    """A stable name for these numbers that tells nothing of them: for ids that leave the server."""
    body = struct.pack(f">{len(numbers)}Q", *numbers)
    return _mac(settings.SECRET_KEY, purpose, body).hex()


def _as_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _mac(secret: str, purpose: str, body: bytes) -> bytes:
    return hmac.digest(_key(secret, purpose), body, "sha256")[:_MAC]


@lru_cache(maxsize=64)
def _key(secret: str, purpose: str) -> bytes:
    return hashlib.sha256(f"urm.tokens:{purpose}:{secret}".encode()).digest()
