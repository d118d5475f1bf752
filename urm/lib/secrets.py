"""Secrets of customers, encrypted with a key that stands outside of the database.

`SECRETS_KEYS` in the environment lists the keys, the newest first: it encrypts, all of them decrypt, so a key is
changed by putting a new one before it. Without it the key comes from SECRET_KEY.
"""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SecretError(ValueError):
    """A secret that none of the keys opens."""


def encrypt(text: str) -> str:
    return _keys().encrypt(text.encode()).decode()


def decrypt(sealed: str) -> str:
    try:
        return _keys().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SecretError("The secret cannot be opened: its key is not among SECRETS_KEYS.") from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(_key(word)) for word in settings.SECRETS_KEYS or [settings.SECRET_KEY]])


def _key(word: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"urm secrets " + word.encode()).digest())
