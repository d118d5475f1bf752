"""Forms that know the tenant."""

from collections.abc import Sequence

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _


class TenantModelForm(forms.ModelForm):  # type: ignore[type-arg]  # serves every model
    """Checks the constraints that hold per workspace, though `tenant` is no field of the form."""

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        exclude = self._get_validation_exclusions() - {"tenant"}  # type: ignore[attr-defined]
        for model, constraints in self.instance.get_constraints():
            for constraint in constraints:
                if isinstance(constraint, models.UniqueConstraint) and "tenant" in constraint.fields:
                    try:
                        constraint.validate(model, self.instance, exclude=exclude)
                    except ValidationError as error:
                        self._update_errors(self._at_its_field(error, constraint.fields))  # type: ignore[attr-defined]

    def _at_its_field(self, error: ValidationError, fields: Sequence[str]) -> ValidationError:
        """Say which field must change where the workspace and one field together have to be unique."""
        names = [name for name in fields if name != "tenant"]
        if len(names) != 1 or names[0] not in self.fields:
            return error
        text = _("Another %(kind)s has this already; choose a different one.")
        return ValidationError(
            {names[0]: ValidationError(text % {"kind": self.instance._meta.verbose_name}, code="unique")}
        )
