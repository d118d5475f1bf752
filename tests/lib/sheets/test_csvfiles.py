"""CSV as people really send it, and as they shouldn't."""

import tracemalloc
from collections.abc import Iterator

import pytest

from urm.lib.sheets.csvfiles import guess_delimiter, guess_encoding, lines_of, rows_of
from urm.lib.sheets.errors import MAX_FIELD, SheetError


def read(content: bytes, delimiter: str = ",", *, chunk: int = 7) -> list[list[str]]:
    chunks = [content[start : start + chunk] for start in range(0, len(content), chunk)]
    return list(rows_of(lines_of(chunks, guess_encoding(chunks)), delimiter))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"name,city\nAda,London\n", "utf-8"),
        ("姓名,城市\n王小明,上海\n".encode(), "utf-8"),
        ("\ufeff姓名,城市\n".encode(), "utf-8"),
        ("姓名,城市\n王小明,上海\n".encode("gb18030"), "gb18030"),
        ("姓名,城市\n".encode("utf-16"), "utf-16"),
        ("name\nZoë\n".encode("windows-1252"), "windows-1252"),
    ],
)
def test_encoding_is_recognised(content: bytes, encoding: str) -> None:
    assert guess_encoding([content]) == encoding
    assert guess_encoding([content[i : i + 4] for i in range(0, len(content), 4)]) == encoding


def test_gb18030_is_recognised_when_its_first_character_comes_late() -> None:
    assert guess_encoding([b"name\n" * 50_000, "王\n".encode("gb18030")]) == "gb18030"


def test_bytes_of_no_encoding_are_refused() -> None:
    with pytest.raises(SheetError, match="neither UTF-8 nor GB18030"):
        guess_encoding([b"name\n\x81\xff\n"])


def test_rows_are_the_same_in_every_encoding() -> None:
    rows = [["姓名", "城市"], ["王小明", "上海"], ["€ – é", 'a "b", c\nd']]
    text = '姓名,城市\r\n王小明,上海\r\n€ – é,"a ""b"", c\nd"\r\n'
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        assert read(text.encode(encoding)) == rows
    assert read(text.replace("\r\n", "\r").encode()) == rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_the_one_that_makes_columns(delimiter: str) -> None:
    row = delimiter.join(["Ada", '"1, 2; 3"', "a|b" if delimiter != "|" else "ab"])
    assert guess_delimiter([delimiter.join(["name", "list", "x"]), row, row]) == delimiter


def test_one_column_has_a_comma_for_want_of_anything_else() -> None:
    assert guess_delimiter(["e-mail", "ada@example.com"]) == ","


def test_wrong_encoding_is_told_with_the_line() -> None:
    content = b"name\n" + b"Ada\n" * 3 + "Zoë\n".encode("windows-1252")
    with pytest.raises(SheetError, match="UTF-8"):
        list(lines_of([content], "utf-8"))


def test_field_of_a_hundred_megabytes_is_refused_in_little_memory() -> None:
    def bomb() -> Iterator[bytes]:
        yield b'name,note\nAda,"'
        for _ in range(1600):
            yield b"x" * 65_536

    def open_quotation() -> Iterator[bytes]:
        yield b'name,note\nAda,"'
        for _ in range(100_000):
            yield b"one more line, please\n" * 50

    for hostile, words in ((bomb, "has no end"), (open_quotation, f"more than {MAX_FIELD}")):
        tracemalloc.start()
        with pytest.raises(SheetError, match=words):
            list(rows_of(lines_of(hostile(), "utf-8"), ","))
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * 1024 * 1024


def test_row_of_too_many_columns_is_refused() -> None:
    with pytest.raises(SheetError, match="Line 2 has 501 columns"):
        read(b"a,b\n" + b"," * 500 + b"\n")
