from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from members.models import AttributeDefinition, ValueSource
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.admin.forms import TenantModelForm

PLACES = (_("First"), _("Second"), _("Third"), _("Fourth"), _("Fifth"))


class OrderWidget(forms.MultiWidget):
    """A choice for each place."""

    template_name = "members/attributes/order.html"

    def __init__(self) -> None:
        choices = [("", "–"), *ValueSource.choices]
        super().__init__([UnfoldAdminSelectWidget(choices=choices, attrs={"aria-label": place}) for place in PLACES])

    def decompress(self, value: Any) -> list[str]:
        order = list(value or [])
        return order + [""] * (len(PLACES) - len(order))

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["places"] = list(zip(PLACES, context["widget"]["subwidgets"], strict=True))
        return context


class OrderField(forms.MultiValueField):
    """Sources of values in order, none twice; places left empty are skipped."""

    widget = OrderWidget

    def __init__(self, **options: Any) -> None:
        fields = [forms.ChoiceField(choices=[("", "–"), *ValueSource.choices], required=False) for _place in PLACES]
        super().__init__(fields, require_all_fields=False, required=False, **options)

    def compress(self, data_list: list[str]) -> list[str]:
        order = [source for source in data_list if source]
        if len({*order}) < len(order):
            raise forms.ValidationError(_("Name each source once."))
        return order


class LinesField(forms.CharField):
    """A list of texts, one a line; empty lines and repetitions are left out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), required=False, **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        lines = (line.strip() for line in (super().clean(value) or "").splitlines())
        return list(dict.fromkeys(line for line in lines if line))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.clean(data) != (initial or [])


class AttributeForm(TenantModelForm):
    choices = LinesField(label=_("choices"), help_text=_("One entry a line."))
    source_order = OrderField(
        label=_("Which source is believed"),
        help_text=_(
            "A value from an earlier source is not overwritten by a later one, nor by one that is not named here. "
            "Leave all empty, and whoever writes last is believed."
        ),
    )


@admin.register(AttributeDefinition)
class AttributeAdmin(ModelAdmin):
    area = "workspace"
    may_delete = False  # values and rules refer to it by name
    sidebar = Entry("workspace", 30, "tune")
    empty = Empty(
        _("No attributes yet"),
        _("An attribute gives a fact of your own about members a type and a name, so that rules can use it."),
        icon="tune",
    )
    list_display = ("name", "label_en", "label_zh", "type", "personal")
    list_filter = ("type", "personal")
    search_fields = ("name", "label_en", "label_zh")
    ordering = ("name",)
    fields = ("name", "type", "label_en", "label_zh", "choices", "personal", "source_order")
    form = AttributeForm

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "type") if obj else ()
