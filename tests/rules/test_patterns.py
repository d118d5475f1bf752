import re

import pytest
from django.db import connection

from urm.rules.patterns import PatternError, refuse_unportable

GOOD = ["", "abc", "^a.*z$", "(ab|cd)+", "[a-z0-9_]{2,5}", r"a\.b", "[^x]", "北京|上海", "x{3}", "x{2,}", "a|^b", "[.]"]
BAD = [
    "(?i)x", "(?=x)", r"\d", r"(a)\1", "a**", "a*?", "*a", "[a", "(a", "a)", "a{,3}", "a{101}", "a{3,2}", "[[:alpha:]]",
    "[z-a]", "a{2}{3}", "^*", "()", "a||b", "x" * 201, "(a{50}){50}", "(((a{9}){9}){9}){9}", "[]", r"a\b", "a{x}",
]  # fmt: skip


@pytest.mark.parametrize("pattern", [text for text in GOOD if text])
def test_good_pattern_reads_alike_in_both(pattern: str, db: None) -> None:
    refuse_unportable(pattern)
    texts = ["abc", "az", "abcd", "a.b", "axb", "北京", "xxx", "b", "a\nz", "q_9", "", "ab\n"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT t ~ %s FROM unnest(%s) WITH ORDINALITY u(t, n) ORDER BY n", [pattern, texts])
        found = [row[0] for row in cursor.fetchall()]
    ours = re.compile(pattern.replace("$", r"\Z"), re.DOTALL)
    assert found == [ours.search(text) is not None for text in texts]


def test_nested_repeats_are_searched_in_no_time(db: None) -> None:
    """PostgreSQL does not go back over the text, so what hangs other engines is harmless; this one would never end."""
    bomb = "^((a+)+)+$"
    refuse_unportable(bomb)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '5s'")
        cursor.execute("SELECT repeat('a', 5000) || '!' ~ %s", [bomb])
        assert cursor.fetchone() == (False,)


@pytest.mark.parametrize("pattern", BAD)
def test_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        refuse_unportable(pattern)
