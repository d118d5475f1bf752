"""Who uses a segment: rules find each other, other apps say so here."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext

from segments.models import Segment
from segments.queries import dependents_of
from urm.rules import Names


@dataclass(frozen=True)
class Use:
    title: str | Promise
    url: str


_finders: list[Callable[[Segment], list[Use]]] = []


def add_segment_use(finder: Callable[[Segment], list[Use]]) -> None:
    """Register what an app above uses segments for."""
    _finders.append(finder)


def uses_of(segment: Segment, names: Names) -> list[Use]:
    titles = dict(Segment.objects.values_list("id", "name"))
    found = []
    for kind, key in sorted(dependents_of(("segment", segment.pk), names), key=str):
        if kind == "segment":
            found.append(Use(titles.get(key, ""), reverse("admin:segments_segment_change", args=[key])))
        elif kind == "tag":
            found.append(Use(gettext("tag %(name)s") % {"name": key}, reverse("admin:members_tag_changelist")))
        else:
            found.append(Use(gettext("lifecycle stages"), reverse("admin:segments_stage_changelist")))
    return [*found, *(use for finder in _finders for use in finder(segment))]
