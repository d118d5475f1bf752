"""The form for a member: profile fields, and one field of the right type per registered attribute."""

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.actions import MemberError, upsert_member
from members.models import AttributeDefinition, Member, ValueSource

_PROFILE = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "birthday",
    "gender",
    "language",
    "city",
    "region",
    "country",
    "source",
)


class MemberForm(forms.Form):
    """`member` None: a new one, whose external id is asked for. `save()` goes through `upsert_member`."""

    def __init__(self, *args: Any, member: Member | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.member = member
        if member is None:
            self.fields["external_id"] = forms.CharField(
                label=_("External id"),
                max_length=200,
                help_text=_("By which your own systems know this person; it cannot be changed later."),
            )
        sources = (member.attribute_sources if member else None) or {}
        for name in _PROFILE:
            self.fields[name] = self._profile_field(name)
        self.definitions = list(AttributeDefinition.objects.order_by("name"))
        for definition in self.definitions:
            stored = (member.attributes if member else {}).get(definition.name)
            field = self.fields[f"attribute_{definition.name}"] = _attribute_field(definition, stored)
            source = sources.get(definition.name)
            if stored is not None and definition.outranks(source, ValueSource.STAFF):
                field.disabled = True
                field.help_text = _("From “%(source)s”, which is believed more than changes made here.") % {
                    "source": ValueSource(str(source)).label
                }

    def _profile_field(self, name: str) -> forms.Field:
        model_field = Member._meta.get_field(name)
        initial = getattr(self.member, name, None)
        label = str(model_field.verbose_name)  # type: ignore[union-attr]
        if name == "gender":
            choices = [("", _("not known")), *Member.Gender.choices]
            return forms.ChoiceField(label=label, choices=choices, required=False, initial=initial)
        if name == "birthday":
            widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            return forms.DateField(label=label, required=False, initial=initial, widget=widget)
        if name == "email":
            return forms.EmailField(label=label, required=False, initial=initial)
        return forms.CharField(label=label, required=False, initial=initial, max_length=200)

    def save(self) -> Member | None:
        """The member, or None when something is wrong: then the fields say what."""
        traits: dict[str, Any] = {name: _plain(self.cleaned_data[name]) for name in _PROFILE}
        traits["attributes"] = {
            definition.name: _attribute_value(definition, self.cleaned_data[f"attribute_{definition.name}"])
            for definition in self.definitions
            # What stays as it is was not said by whoever changes something else.
            if self.member is None or f"attribute_{definition.name}" in self.changed_data
        }
        external_id = self.member.external_id if self.member else self.cleaned_data["external_id"]
        try:
            member, _created = upsert_member(external_id=external_id or "", traits=traits)
        except MemberError as error:
            for name, message in error.fields.items():
                field = name.replace("attributes.", "attribute_")
                self.add_error(field if field in self.fields else None, message)
            return None
        return member

    def clean_external_id(self) -> str:
        value = str(self.cleaned_data["external_id"]).strip()
        if Member.objects.filter(external_id=value).exists():
            raise forms.ValidationError(_("Another member has this external id already."))
        return value


def _attribute_field(definition: AttributeDefinition, stored: Any) -> forms.Field:
    chinese = (get_language() or "").startswith("zh")
    common: dict[str, Any] = {
        "label": (definition.label_zh if chinese else "") or definition.label_en or definition.name,
        "required": False,
        "initial": stored,
    }
    kinds = AttributeDefinition.Type
    match definition.type:
        case kinds.NUMBER:
            return forms.DecimalField(**common)
        case kinds.BOOLEAN:
            common["initial"] = {True: "true", False: "false"}.get(stored, "")
            return forms.ChoiceField(**common, choices=[("", _("not known")), ("true", _("yes")), ("false", _("no"))])
        case kinds.DATE:
            return forms.DateField(**common, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        case kinds.CHOICE:
            return forms.ChoiceField(
                **common, choices=[("", _("not known")), *((one, one) for one in definition.choices)]
            )
        case kinds.LIST:
            common["initial"] = "\n".join(map(str, stored or []))
            return forms.CharField(**common, widget=forms.Textarea(attrs={"rows": 3}), help_text=_("One entry a line."))
    return forms.CharField(**common)


def _attribute_value(definition: AttributeDefinition, value: Any) -> Any:
    """As the JSON value that `upsert_member` checks; empty means missing."""
    if value in (None, ""):
        return None
    if definition.type == AttributeDefinition.Type.BOOLEAN:
        return value == "true"
    if definition.type == AttributeDefinition.Type.LIST:
        return [line.strip() for line in value.splitlines() if line.strip()]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
