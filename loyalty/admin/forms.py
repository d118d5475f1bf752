"""Forms that change the ledger. Each is shown twice: filled in, then to be confirmed."""

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from loyalty.actions.ledger import MAX_POINTS


class ReasonForm(forms.Form):
    """`token` makes a second click on the same page harmless."""

    reason = forms.CharField(label=_("reason"), max_length=200, help_text=_("Stands in the ledger for ever."))
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, initial={"token": uuid.uuid4()})


class AdjustForm(ReasonForm):
    points = forms.IntegerField(
        label=_("points"),
        min_value=-MAX_POINTS,
        max_value=MAX_POINTS,
        help_text=_("Below zero to take points away, for example -50."),
    )
    field_order = ("points", "reason", "token")
