"""What apps above add to the members' pages: columns and filters of the list, words for events of the timeline.

Whole panels are registered with `urm.ui.panels.panel("member", …)`, facts for the head with place `member_head`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import get_language

from members.models import EventName, Member
from urm.ui.components import ListButton


@dataclass(frozen=True)
class Column:
    """`values` gives, for the members of one page, what to show by member id: one query, whatever the page holds."""

    name: str
    title: str | Promise
    values: Callable[[Sequence[Member]], Mapping[int, Any]]


@dataclass(frozen=True)
class TagOrigin:
    """Why a member has a tag that nobody put there by hand: since when, until when it stays (None: as long as its
    reason holds), and where the reason stands."""

    since: datetime | None
    until: datetime | None
    url: str


@dataclass(frozen=True)
class EventWords:
    """How an event reads in the timeline; `detail` makes a short text (or safe HTML) of its properties.

    `link` gives the address of what it is about (the segment entered, the campaign of a message) to those who have
    `capability`.
    """

    label: str | Promise
    icon: str = "bolt"
    detail: Callable[[dict[str, Any]], Any] | None = None
    link: Callable[[dict[str, Any], Member], str] | None = None
    capability: str = ""


TagOrigins = Callable[[int, Sequence[int]], Mapping[int, TagOrigin]]
_columns: list[Column] = []
_filters: list[Any] = []
_words: dict[str, EventWords] = {}
_origins: list[TagOrigins] = []
_buttons: list[ListButton] = []


def add_member_column(column: Column) -> None:
    _columns.append(column)


def member_columns() -> list[Column]:
    return list(_columns)


def add_member_filter(filter_class: Any) -> None:
    """`filter_class`: a SimpleListFilter over Member."""
    _filters.append(filter_class)


def member_filters() -> list[Any]:
    return list(_filters)


def set_tag_origins(origins: TagOrigins) -> None:
    """`origins` tells of rule-driven tags: (member id, tag ids) → origin by tag id."""
    _origins[:] = [origins]


def tag_origins(member_id: int, tag_ids: Sequence[int]) -> Mapping[int, TagOrigin]:
    return _origins[0](member_id, tag_ids) if _origins and tag_ids else {}


def add_list_button(button: ListButton) -> None:
    """Above the list of members; its address gets the list's search and filters."""
    _buttons.append(button)


def list_buttons() -> list[ListButton]:
    return list(_buttons)


def add_event_words(name: str, words: EventWords) -> None:
    _words[name] = words


def words_for(name: str) -> EventWords:
    return _words.get(name) or EventWords(name, "bolt")


def words_of(event: EventName) -> EventWords:
    """As staff call it in the reader's language, where they have said so."""
    words = words_for(event.name)
    own = (event.label_zh if (get_language() or "").startswith("zh") else "") or event.label_en
    return replace(words, label=own) if own else words


def event_labels() -> dict[str, str]:
    """What every event of the workspace is called, by its name."""
    return {event.name: str(words_of(event).label) for event in EventName.objects.all()}
