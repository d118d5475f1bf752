"""What saving any rule has in common: check it, refuse circles, note what has to be computed again."""

from collections.abc import Mapping
from typing import Any

from segments.models import KeptTag, Segment, Stage, TagRule
from segments.queries.dependencies import Target, dependents_of, refuse_circle
from urm.rules import check
from urm.rules.workspace import current_names
from urm.tenancy.work import wake_after_commit


def checked_rule(rule: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The rule as it is stored. Raises RuleError when it does not check or would depend on itself."""
    names = current_names()
    checked = check(rule, names)
    refuse_circle(target, [checked.node], names)
    return checked.source


def mark_stale(target: Target) -> None:
    """Have the target and all that depends on it computed for every member, soon and in the background."""
    stale = {target, *dependents_of(target, current_names())}
    segments = [key for kind, key in stale if kind == "segment"]
    tags = [key for kind, key in stale if kind == "tag"]
    Segment.objects.filter(pk__in=segments).update(stale=True)
    TagRule.objects.filter(tag__name__in=tags).update(stale=True)
    KeptTag.objects.filter(tag__name__in=tags).delete()  # another rule: what was kept under the old one goes with it
    if any(kind == "stage" for kind, _key in stale):
        Stage.objects.update(stale=True)
    wake_after_commit("segments")
