"""Forms that know the tenant."""

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.translation import gettext as _


class TenantModelForm(forms.ModelForm):  # type: ignore[type-arg]  # serves every model
    """Checks the constraints that hold per workspace, though `tenant` is no field of the form."""

    def validate_constraints(self) -> None:
        exclude = self._get_validation_exclusions() - {"tenant"}  # type: ignore[attr-defined]
        try:
            self.instance.validate_constraints(exclude=exclude)
        except ValidationError as error:
            self._update_errors(self._at_their_fields(error))  # type: ignore[attr-defined]

    def _at_their_fields(self, error: ValidationError) -> ValidationError:
        """Say which field must change where the workspace and one field together have to be unique."""
        messages: dict[str, list[Any]] = {}
        for field, errors in error.error_dict.items():
            for one in errors:
                names = [name for name in (one.params or {}).get("unique_check", ()) if name != "tenant"]
                if field == NON_FIELD_ERRORS and len(names) == 1 and names[0] in self.fields:
                    text = _("Another %(kind)s has this already; choose a different one.") % {
                        "kind": self.instance._meta.verbose_name
                    }
                    messages.setdefault(names[0], []).append(ValidationError(text, code="unique"))
                else:
                    messages.setdefault(field, []).append(one)
        return ValidationError(messages)
