"""The registry of kinds of jobs; urm.jobs says how to use it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

if TYPE_CHECKING:
    from urm.jobs.models import Job

Step = Callable[["Job"], bool]


@dataclass(frozen=True)
class JobKind:
    """`view` and `change` are capabilities (`members.view`), which are the scopes of API keys as well."""

    name: str
    label: str | Promise
    step: Step
    view: str
    change: str
    url: Callable[["Job"], str] | None
    on_end: Callable[["Job"], None] | None


class JobError(Exception):
    """Ends a job with words for people: an English source from the catalogue and its values."""

    def __init__(self, text: str, **values: Any) -> None:
        super().__init__(text % values if values else text)
        self.text = text
        self.values = values


_kinds: dict[str, JobKind] = {}


def register_job(
    name: str,
    *,
    label: str | Promise,
    view: str,
    change: str,
    url: Callable[["Job"], str] | None = None,
    on_end: Callable[["Job"], None] | None = None,
) -> Callable[[Step], Step]:
    """Decorate the step of a kind of job: it does one slice and says whether there is more."""

    def decorate(step: Step) -> Step:
        _kinds[name] = JobKind(name, label, step, view, change, url, on_end)
        return step

    return decorate


def kind_of(name: str) -> JobKind | None:
    """None for a kind that this version of the platform does not know (any more)."""
    return _kinds.get(name)


def kinds_seen_with(capabilities: Callable[[str], bool]) -> list[str]:
    """The names of the kinds whose jobs may be seen by whoever has these capabilities."""
    return [kind.name for kind in _kinds.values() if capabilities(kind.view)]
