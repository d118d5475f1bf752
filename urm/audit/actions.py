from collections.abc import Mapping
from typing import Any, cast

from django.db import models

from urm.audit.actor import current_actor
from urm.audit.models import AuditEntry


def snapshot(instance: models.Model, *fields: str) -> dict[str, Any]:
    """The given fields' values as JSON can hold them, for `before` and `after`."""
    return {
        field: cast("models.Field[Any, Any]", instance._meta.get_field(field)).value_to_string(instance)
        for field in fields
    }


def record(
    *,
    verb: str,
    target: models.Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    target_label: str | None = None,
) -> AuditEntry:
    """Write an entry in the caller's transaction, reduced to the fields whose values differ.

    `verb` is `noun.verb`, for example `segment.update`. Personal data does not belong here: give
    a member's number as `target_label`, and names of fields instead of their values.
    """
    before, after = dict(before or {}), dict(after or {})
    if before and after:
        same = {key for key in before if key in after and before[key] == after[key]}
        before = {key: value for key, value in before.items() if key not in same}
        after = {key: value for key, value in after.items() if key not in same}
    actor = current_actor()
    return AuditEntry.objects.create(
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label[:200],
        verb=verb,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        target_label=(target_label or str(target))[:200],
        before=before,
        after=after,
    )
