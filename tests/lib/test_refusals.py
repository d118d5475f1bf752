"""Words on what is wrong are kept as their source, and read in the reader's language."""

from typing import Any

import orjson
import pytest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, gettext_noop, override

from urm.lib.refusals import RefusalError, shown

LABEL: str | Promise = gettext_lazy("number")


@pytest.mark.parametrize(
    ("refusal", "english", "chinese"),
    [
        (RefusalError(gettext_noop("Must be an object.")), "Must be an object.", "必须是对象。"),
        (RefusalError("Nobody translated 100 %."), "Nobody translated 100 %.", "Nobody translated 100 %."),
        (
            RefusalError(gettext_noop("Must be a value of type %(type)s."), type=LABEL),
            "Must be a value of type number.",
            "必须是数字类型的值。",
        ),
    ],
)
def test_refusal_is_read_in_the_language_of_the_reader(refusal: RefusalError, english: str, chinese: str) -> None:
    with override("zh-hans"):
        kept: Any = orjson.loads(orjson.dumps(refusal.stored))
    for language, words in (("en", english), ("zh-hans", chinese)):
        with override(language):
            assert (str(refusal), shown(*kept)) == (words, words)


def test_finished_words_of_before_are_shown_as_they_are() -> None:
    assert (shown("少了 5 %"), shown("")) == ("少了 5 %", "")
