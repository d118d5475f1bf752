"""A segment's value propositions: the version that holds in each language, and in which one somebody is addressed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import QuerySet

from segments.models import Segment, ValueProposition


@dataclass(frozen=True, slots=True)
class Proposition:
    """`version` 0 is the plain text of a segment that has no version yet."""

    language: str
    version: int
    pain_points: str
    selling_points: str
    wording: str


def current_rows(segment: Segment) -> QuerySet[ValueProposition]:
    """The newest version of each language that has one."""
    return ValueProposition.objects.filter(segment=segment).order_by("language", "-version").distinct("language")


def current_propositions(segment: Segment) -> dict[str, Proposition]:
    """The same by language, as texts."""
    return {row.language: _of(row) for row in current_rows(segment)}


def propositions_of_versions(segment: Segment, versions: Mapping[str, int]) -> dict[str, Proposition]:
    """Those very versions, by language; what was deleted with its segment is left out."""
    rows = ValueProposition.objects.filter(segment=segment, version__in=set(versions.values()))
    return {row.language: _of(row) for row in rows if versions.get(row.language) == row.version}


def versions_of(segment: Segment, language: str, limit: int = 50) -> list[ValueProposition]:
    """Newest first."""
    return list(ValueProposition.objects.filter(segment=segment, language=language).order_by("-version")[:limit])


def in_language(found: Mapping[str, Proposition], wanted: Iterable[str | None]) -> Proposition | None:
    """The first of the wanted languages that there is, a dialect standing for its language (zh-cn for zh-hans);
    otherwise any."""
    for language in wanted:
        if not language:
            continue
        if language in found:
            return found[language]
        root = language.lower().partition("-")[0]
        for known, proposition in sorted(found.items()):
            if known.partition("-")[0] == root:
                return proposition
    return next(iter(sorted(found.items())), (None, None))[1]


def _of(row: ValueProposition) -> Proposition:
    return Proposition(row.language, row.version, row.pain_points, row.selling_points, row.wording)
