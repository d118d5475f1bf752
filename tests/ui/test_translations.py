"""Every string of the source has its 简体中文, and what is compiled is what was translated."""

import re

import pytest

from urm.ui import translations


@pytest.mark.parametrize("room", translations.ROOMS)
def test_every_string_is_translated(room: str) -> None:
    assert translations.untranslated(room) == []


@pytest.mark.parametrize("room", translations.ROOMS)
def test_compiled_catalogue_is_what_was_translated(room: str) -> None:
    assert not translations.stale(room)


PLACE = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


@pytest.mark.parametrize("room", translations.ROOMS)
def test_translation_has_the_same_places_to_fill(room: str) -> None:
    different = []
    for message in translations.read_catalogue(room):
        if not message.id or not message.string:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        wanted = set().union(*(PLACE.findall(one) for one in ids))
        different += [(ids[0], text) for text in texts if text and set(PLACE.findall(text)) != wanted]
    assert different == []
