"""The registry of attributes: making one of what members have already."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from members.models import AttributeDefinition
from urm.audit.actions import record


def promote_attribute(*, name: str, attribute_type: str) -> AttributeDefinition:
    """Register an attribute that members have; values that do not fit its type stay, and show as not valid.

    From then on only values of that type are taken.
    """
    if attribute_type not in AttributeDefinition.Type.values or attribute_type == AttributeDefinition.Type.CHOICE:
        raise ValidationError({"type": _("Choose a type that needs no list of choices.")})
    with transaction.atomic():
        definition = AttributeDefinition(
            name=name, type=attribute_type, label_en=name.replace("_", " ").capitalize()[:100]
        )
        definition.full_clean()
        definition.save()
        record(verb="attribute.promote", target=definition, after={"name": name, "type": attribute_type})
    return definition
