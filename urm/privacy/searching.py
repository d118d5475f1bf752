"""Tables that mention people without naming whose the rows are, and are too large for one statement: the log above all.

They are searched a slice at a time before a person is erased, while it is still known what to look for. Only what
came after the search is left to the erasure's own transaction (`Person.searched`). An app registers in `privacy.py`::

    search_in_slices(Search("members_event", step=…, size=…))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from urm.privacy.registry import Person

Step = Callable[[Sequence[Person], Any, int], tuple[Any, int, bool]]


@dataclass(frozen=True)
class Search:
    """`step(people, after, limit)` strikes the people out of up to so many rows behind `after` (None: from the first)
    and says where to go on (JSON), how many rows it looked at, and whether there may be more. `size`: about how many
    rows there are. Ids must only grow, so that what comes later lies behind.
    """

    table: str
    step: Step
    size: Callable[[], int]
    slice: int = 20_000


_searches: dict[str, Search] = {}


def search_in_slices(search: Search) -> None:
    if search.table in _searches:
        raise ValueError(f"{search.table} is searched twice.")
    _searches[search.table] = search


def searches() -> list[Search]:
    return list(_searches.values())


def search_the_rest(table: str, person: Person) -> None:
    """What the slices have not seen yet, in the caller's transaction; everything, where none have been."""
    search = _searches[table]
    after, more = person.searched.get(table), True
    while more:
        after, _rows, more = search.step([person], after, search.slice)
