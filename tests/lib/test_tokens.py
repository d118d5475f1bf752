"""Sealed numbers in public addresses."""

from pytest_django import Settings

from urm.lib.tokens import fingerprint, seal, unseal


def test_unseal_gives_back_what_was_sealed() -> None:
    assert unseal("click", seal("click", 1, 2**40, 0), count=3) == (1, 2**40, 0)


def test_unseal_refuses_a_token_of_another_purpose() -> None:
    assert unseal("unsubscribe", seal("click", 1, 2), count=2) is None


def test_unseal_refuses_another_count() -> None:
    assert unseal("click", seal("click", 1, 2), count=1) is None


def test_unseal_refuses_every_changed_character() -> None:
    token = seal("click", 7, 9)
    changed = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(len(token))]
    assert [unseal("click", one, count=2) for one in changed] == [None] * len(token)


def test_unseal_refuses_what_is_no_token() -> None:
    for text in ("", "a", "%00", "é", "=" * 40, seal("click", 1) + "\n", "A" * 10_000):
        assert unseal("click", text, count=1) is None


def test_unseal_takes_tokens_of_the_key_before(settings: Settings) -> None:
    token = seal("click", 5)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert unseal("click", token, count=1) == (5,)
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal("click", token, count=1) is None


def test_fingerprint_is_stable_and_differs_by_purpose() -> None:
    assert fingerprint("message", 1, 2) == fingerprint("message", 1, 2)
    assert fingerprint("message", 1, 2) != fingerprint("click", 1, 2)
