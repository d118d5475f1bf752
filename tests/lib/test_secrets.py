"""Secrets are unreadable without their key, and a key can be changed."""

from typing import Any

import pytest

from urm.lib.secrets import SecretError, decrypt, encrypt


def test_secret_is_sealed_and_opened(settings: Any) -> None:
    sealed = encrypt("whsec_密")
    assert "whsec" not in sealed
    assert decrypt(sealed) == "whsec_密"


def test_key_is_changed_by_putting_a_new_one_before_it(settings: Any) -> None:
    settings.SECRETS_KEYS = ["old"]
    sealed = encrypt("x")
    settings.SECRETS_KEYS = ["new", "old"]
    assert decrypt(sealed) == "x"
    renewed = encrypt("x")
    settings.SECRETS_KEYS = ["new"]
    assert decrypt(renewed) == "x"
    with pytest.raises(SecretError):
        decrypt(sealed)
