"""The forms of the import wizard."""

from collections.abc import Iterator
from typing import Any

import phonenumbers
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members.actions.imports.targets import FIELDS, OTHER_KINDS, attribute_name, consent_targets
from members.models import AttributeDefinition, Identity, Import, Member
from urm.lib.sheets.csvfiles import ENCODINGS

NEW = "new attribute"
_REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("file"),
        help_text=_("CSV or Excel (XLSX), with one member a row and names of the columns in the first row."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
    )


class ReadingForm(forms.Form):
    encoding = forms.ChoiceField(label=_("encoding"), choices=[(name, name.upper()) for name in ENCODINGS])
    delimiter = forms.ChoiceField(
        label=_("separator"),
        choices=[(",", _("comma ,")), (";", _("semicolon ;")), ("\t", _("tab")), ("|", _("bar |"))],
        # Django would strip the tab.
        widget=forms.Select,
    )

    def clean_delimiter(self) -> str:
        return str(self.cleaned_data["delimiter"])


class MappingForm(forms.Form):
    """Per column of the file a target, and a name and type where that is a new attribute; then the options."""

    mode = forms.ChoiceField(label=_("What to do"), choices=Import.Mode.choices, widget=forms.RadioSelect)
    match = forms.MultipleChoiceField(
        label=_("Without a known external id, find members by"),
        choices=[("email", _("e-mail")), ("phone", _("phone"))],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    country = forms.ChoiceField(
        label=_("Country of phone numbers without a country code"),
        choices=lambda: [
            ("", "–"),
            *((code, f"{code} +{phonenumbers.country_code_for_region(code)}") for code in _REGIONS),
        ],
        required=False,
    )
    day_first = forms.BooleanField(label=_("In dates such as 03/04/2026 the day comes first"), required=False)
    tags = forms.CharField(
        label=_("Tags for everybody in the file"),
        max_length=300,
        required=False,
        help_text=_("Separated by commas; a way to find these members later."),
    )
    consent_source = forms.CharField(
        label=_("Where the members gave their consent"),
        max_length=100,
        required=False,
        help_text=_("Needed when a column is about consent; kept as proof."),
    )
    consent_wording = forms.CharField(
        label=_("Wording that they agreed to"),
        max_length=200,
        required=False,
        help_text=_("A version such as marketing/en/2, or the words themselves."),
    )

    def __init__(self, data: Any = None, *, job: Import) -> None:
        options = job.options
        initial = {
            "mode": job.mode,
            "match": options.get("match", []),
            "country": options.get("country", ""),
            "day_first": options.get("day_first", False),
            "tags": ", ".join(options.get("tags", [])),
            "consent_source": options.get("consent_source", ""),
            "consent_wording": options.get("consent_wording", ""),
        }
        super().__init__(data, initial=initial)
        self.job = job
        choices = _targets()
        known = {value for _group, pairs in choices if isinstance(pairs, list) for value, _label in pairs}
        for number, column in enumerate(job.columns):
            target, header = column["target"], column["header"]
            is_new = target.startswith("attribute:") and target not in known
            self.fields[f"target_{number}"] = forms.ChoiceField(
                label=gettext("%(column)s is") % {"column": header},
                choices=choices,
                required=False,
                initial=NEW if is_new else target,
            )
            self.fields[f"name_{number}"] = forms.CharField(
                label=gettext("Name of the new attribute for %(column)s") % {"column": header},
                max_length=60,
                required=False,
                initial=target[10:] if is_new else column.get("suggested") or attribute_name(header),
            )
            self.fields[f"type_{number}"] = forms.ChoiceField(
                label=gettext("Type of the new attribute for %(column)s") % {"column": header},
                choices=[pair for pair in AttributeDefinition.Type.choices if pair[0] != "choice"],
                required=False,
                initial=column["type"],
            )

    def column_rows(self) -> Iterator[dict[str, Any]]:
        """For the template: each column of the file with its three fields."""
        for number, column in enumerate(self.job.columns):
            yield {
                "column": column,
                "target": self[f"target_{number}"],
                "name": self[f"name_{number}"],
                "type": self[f"type_{number}"],
                "problems": self.column_problems.get(column["header"], []),
            }

    def options(self) -> list[forms.BoundField]:
        return [self[name] for name in ("match", "country", "day_first", "tags", "consent_source", "consent_wording")]

    def mapping(self) -> dict[str, Any]:
        """What `save_mapping` takes."""
        data = self.cleaned_data
        columns = []
        for number, _column in enumerate(self.job.columns):
            target = data[f"target_{number}"]
            if target == NEW:
                target = f"attribute:{data[f'name_{number}'].strip()}"
            columns.append({"target": target, "type": data[f"type_{number}"]})
        options = {name: data[name] for name in ("match", "country", "day_first", "consent_source", "consent_wording")}
        tags = [tag.strip()[:60] for tag in data["tags"].replace("，", ",").split(",") if tag.strip()]
        return {"columns": columns, "mode": data["mode"], "options": {**options, "tags": tags}}

    column_problems: dict[str, list[str]] = {}

    def take(self, error: ValidationError) -> None:
        """Problems of columns stand beside them, the others beside their option or above."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        self.column_problems = {}
        for name, words in error.message_dict.items():
            if name in self.fields:
                self.add_error(name, words)
            else:
                self.column_problems[name] = words
        if self.column_problems:
            self.add_error(None, gettext("Some columns need another choice; they are marked below."))


def _targets() -> list[tuple[Any, Any]]:
    names = {field.name: str(field.verbose_name) for field in Member._meta.concrete_fields if field.name in FIELDS}
    attributes = AttributeDefinition.objects.order_by("name")
    kinds = dict(Identity.Kind.choices)
    return [
        ("", gettext("– not used –")),
        (gettext("Profile"), list(names.items())),
        (gettext("Identities"), [(f"identity:{kind}", str(kinds[kind])) for kind in OTHER_KINDS]),
        (
            gettext("Attributes"),
            [(NEW, gettext("a new attribute …")), *((f"attribute:{one.name}", str(one)) for one in attributes)],
        ),
        (gettext("Tags and consent"), [("tags", gettext("tags")), *consent_targets()]),
    ]
