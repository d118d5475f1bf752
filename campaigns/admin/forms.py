"""What staff fill in."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import Message
from segments.models import Segment


class MessageForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("For you; members never see it."))
    subject = forms.CharField(label=_("Subject"), max_length=300)
    format = forms.ChoiceField(label=_("Written in"), choices=Message.Format.choices)
    body = forms.CharField(
        label=_("Body"),
        strip=False,
        max_length=300_000,
        widget=forms.Textarea(attrs={"rows": 22, "class": "ui-code", "spellcheck": "false"}),
        help_text=_("HTML or MJML with Liquid; the list beside it shows what can be filled in."),
    )
    text = forms.CharField(
        label=_("Plain text"),
        strip=False,
        required=False,
        max_length=300_000,
        widget=forms.Textarea(attrs={"rows": 5, "class": "ui-code"}),
        help_text=_("For mail programs without HTML. Left empty, it is made from the body."),
    )
    sender_name = forms.CharField(
        label=_("Sender's name"), required=False, max_length=100, help_text=_("Left empty, it is the workspace's name.")
    )


class CampaignForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)
    segment: Any = forms.ModelChoiceField(label=_("Segment"), queryset=None, help_text=_("Who gets it."))
    message: Any = forms.ModelChoiceField(label=_("Message"), queryset=None, help_text=_("What they get."))
    purpose = forms.RegexField(
        r"^[a-z][a-z0-9_]*$",
        label=_("Purpose"),
        max_length=40,
        initial="marketing",
        help_text=_("Only members who consented to e-mail for it are written to."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, model in (("segment", Segment), ("message", Message)):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = model._default_manager.order_by("name")


class LaunchForm(forms.Form):
    """Now, or at a wall-clock time."""

    when = forms.ChoiceField(
        label=_("When"),
        choices=[("now", _("Now")), ("later", _("At this time"))],
        widget=forms.RadioSelect,
        initial="now",
    )
    local_time = forms.CharField(
        label=_("Local time"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    time_zone = forms.CharField(label=_("Time zone"), max_length=50)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("when") == "later" and not given.get("local_time"):
            self.add_error("local_time", _("Say when."))
        return given
