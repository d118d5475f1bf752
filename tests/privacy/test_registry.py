"""Every column of every table is declared: as personal, pseudonymous, not personal, or staff's."""

from collections.abc import Callable
from typing import Any

import pytest

from urm.privacy import BLANK, DROP, Table, declare, declared_tables

pytestmark = pytest.mark.django_db

_COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""


def test_every_column_of_the_database_is_declared_once(sql: Callable[[str], list[tuple[Any, ...]]]) -> None:
    """A new column? Say in the app's privacy.py what it holds and, if it is personal, how it is erased."""
    there = sorted(sql(_COLUMNS))
    declared = sorted((table.name, column) for table in declared_tables().values() for column in table.columns)
    assert {
        "not declared": sorted(set(there) - set(declared)),
        "declared, but not there": sorted(set(declared) - set(there)),
        "declared twice": sorted({one for one in declared if declared.count(one) > 1}),
    } == {"not declared": [], "declared, but not there": [], "declared twice": []}


def test_every_personal_column_is_erased_and_every_title_leads_to_somebody() -> None:
    tables = declared_tables().values()
    assert [table.name for table in tables if table.personal and table.erase is None] == []
    assert [table.name for table in tables if table.title and not table.condition] == []
    assert [table.name for table in tables if set(table.hidden.split()) - set(table.columns)] == []


def test_declaring_personal_columns_without_erasure_is_refused() -> None:
    with pytest.raises(ValueError, match="say what erasure does"):
        declare(Table("nowhere", person="member_id", personal="email"))
    with pytest.raises(ValueError, match="say whose"):
        declare(Table("nowhere", personal="email", erase=DROP))
    with pytest.raises(ValueError, match="declared twice"):
        declare(Table("members_member", person="id", personal="email", erase=BLANK))
