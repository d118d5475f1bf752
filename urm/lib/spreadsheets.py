"""CSV that a spreadsheet opens as data, whatever people typed into it."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

# What a spreadsheet takes for the beginning of a formula, full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take the text for a formula (or run off with a tab or line end before one)."""
    return text.lstrip(" \u3000\ufeff").startswith(_FORMULA)


def safe_cell(value: Any) -> Any:
    """Text that would begin a formula gets an apostrophe before it; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and is_formula(value) else value


def unquoted(text: str) -> str:
    """What `safe_cell` was given: the apostrophe before what looks like a formula goes."""
    return text[1:] if text.startswith("'") and is_formula(text[1:]) else text


def csv_text(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """A table as CSV; begins with a byte order mark, without which Excel takes UTF-8 for something else."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow([safe_cell(cell) for cell in header])
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return "\ufeff" + text.getvalue()
