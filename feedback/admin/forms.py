"""Forms of surveys and their questions."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from feedback.models import Question
from urm.ui.admin.forms import TenantModelForm


class ChoicesField(forms.CharField):
    """One choice a line: `value | English | Chinese`; the Chinese, or all but the value, may be left out."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "cols": 20})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(" | ".join(row) for row in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        rows = []
        for line in str(value or "").splitlines():
            if line.strip():
                parts = [part.strip() for part in line.split("|")]
                if len(parts) > 3 or not parts[0]:
                    raise ValidationError(_("Write each choice as: value | English | Chinese"))
                label = parts[1] if len(parts) > 1 and parts[1] else parts[0]
                rows.append([parts[0], label, parts[2] if len(parts) > 2 and parts[2] else label])
        return rows

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or []))
        except ValidationError:
            return True


class QuestionForm(TenantModelForm):
    choices = ChoicesField(
        label=_("choices"),
        required=False,
        help_text=_("Only for questions with a choice. One a line: value | English | Chinese"),
    )

    class Meta:
        model = Question
        fields = ("position", "kind", "text_en", "text_zh", "required", "choices")


class QuestionFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # not subscriptable when it runs
    def clean(self) -> None:
        super().clean()
        kinds = [
            form.cleaned_data.get("kind")
            for form in self.forms
            if hasattr(form, "cleaned_data") and not form.cleaned_data.get("DELETE")
        ]
        if kinds.count(Question.Kind.NPS) > 1:
            raise ValidationError(gettext("A survey has at most one NPS question."))
