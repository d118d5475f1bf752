"""CSV opens as data."""

from decimal import Decimal

import pytest

from urm.lib.spreadsheets import csv_text, safe_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠A1", "  =1"]
)
def test_text_that_would_begin_a_formula_is_made_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=b", "", "1-1", -5, Decimal("-1.5"), 0.5, None])
def test_other_cells_stay_as_they_are(value: object) -> None:
    assert safe_cell(value) == value


def test_csv_is_quoted_and_marked_as_utf8() -> None:
    assert csv_text(["名", "=n"], [['a,"b"', -1]]) == '\ufeff名,\'=n\r\n"a,""b""",-1\r\n'
