"""What a template may say about a member. Whoever knows something registers it: siblings never import each other.

    register_variable(
        MessageVariable("points", fields=lambda: {"points": _("points")}, load=balances)     # {{ points }}
    )

`load` takes the ids of the members of one batch and answers for all of them at once: member id → value, plain data
(text, numbers, dates, lists, dicts of these); members without a value are left out. `fields` are the full paths that
a template may ask for, with their labels, as the current workspace has them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise


@dataclass(frozen=True)
class MessageVariable:
    name: str  # the part of the path before the first dot
    fields: Callable[[], Mapping[str, str | Promise]]
    load: Callable[[Sequence[int]], Mapping[int, Any]]


_variables: dict[str, MessageVariable] = {}


def register_variable(variable: MessageVariable) -> None:
    _variables[variable.name] = variable


def known_fields() -> dict[str, str | Promise]:
    """Every path that members' values can be asked for by, with its label."""
    return {path: label for variable in _variables.values() for path, label in variable.fields().items()}


def load_values(paths: Iterable[str], member_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Per member the values that `paths` ask for, one call per variable. Every member is in the answer."""
    values: dict[int, dict[str, Any]] = {member_id: {} for member_id in member_ids}
    for name in {path.partition(".")[0] for path in paths} & _variables.keys():
        for member_id, value in _variables[name].load(member_ids).items():
            values[member_id][name] = value
    return values
