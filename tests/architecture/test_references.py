"""Foreign keys point downwards only, as imports do."""

from django.apps import apps
from django.db.models import ForeignKey

ORDER = ["tenancy", "audit", "rest", "jobs", "members", "segments", "campaigns", "feedback", "loyalty", "analytics"]
SIBLINGS = {"campaigns", "feedback", "loyalty"}


def test_foreign_keys_point_to_the_same_or_a_lower_room() -> None:
    upwards = []
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.app_label
        if label not in ORDER:
            continue
        for field in model._meta.local_fields:
            if not isinstance(field, ForeignKey):
                continue
            target = field.related_model._meta.app_label
            sibling = label != target and {label, target} <= SIBLINGS
            if target in ORDER and (ORDER.index(target) > ORDER.index(label) or sibling):
                upwards.append(f"{model._meta.label}.{field.name} → {target}")
    assert upwards == []


def test_every_app_has_a_place_in_the_order() -> None:
    ours = {config.label for config in apps.get_app_configs() if config.name.split(".")[0] in {"urm", *ORDER}}
    assert ours - set(ORDER) - {"ui", "rules", "privacy"} == set()
