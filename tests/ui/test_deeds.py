"""The audit log speaks in words, of every deed that the source writes down."""

import re
from pathlib import Path

from django.conf import settings
from django.utils import translation

from urm.ui.deeds import actor_words, change_words, deed_words, kind_words, known_deeds
from urm.ui.translations import ROOMS


def test_every_deed_in_the_source_has_words() -> None:
    text = "".join(
        path.read_text() for room in ROOMS for path in sorted((Path(settings.BASE_DIR) / room).rglob("*.py"))
    )
    verbs = set(re.findall(r'verb="([a-z_]+\.[a-z_]+)"', text))
    assert len(verbs) > 50
    assert {verb for verb in verbs if not {verb, verb.partition(".")[2]} & known_deeds()} == set()


def test_deed_kind_and_actor_are_put_into_words() -> None:
    said = [deed_words("campaign.launch"), kind_words("segments.segment"), actor_words("system"), actor_words("Ada")]
    assert said == ["has launched", "segment", "system", "Ada"]
    with translation.override("zh-hans"):
        assert [deed_words("campaign.launch"), kind_words("segments.segment")] == ["启动了", "人群"]


def test_changes_are_read_by_the_names_of_fields() -> None:
    after = {"name": "Regulars", "stale": "True", "tags": ["a", "b"], "description": ""}
    assert change_words("segments.segment", after) == [
        ("name", "Regulars"),
        ("being computed", "Yes"),
        ("tags", "a, b"),
        ("description", "–"),
    ]
    with translation.override("zh-hans"):
        assert change_words("segments.segment", {"name": "老客"}) == [("名称", "老客")]


def test_what_nobody_has_put_into_words_stays_as_it_is() -> None:
    assert [deed_words("ship.sail"), kind_words("gone.model"), kind_words("nothing")] == [
        "ship.sail",
        "gone.model",
        "nothing",
    ]
