"""What is asked, of whom and when."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from urm.tenancy.models import TenantForeignKey, TenantModel


def in_language(english: str, chinese: str) -> str:
    """The text in the active language, or the other one where it is missing."""
    first, second = (chinese, english) if (get_language() or "").startswith("zh") else (english, chinese)
    return first or second


class Survey(TenantModel):
    """Questions with their trigger. Texts stand in both languages; an empty one falls back to the other."""

    name = models.CharField(_("name"), max_length=100, help_text=_("For staff; members see the title."))
    title_en = models.CharField(_("title (English)"), max_length=200)
    title_zh = models.CharField(_("title (Chinese)"), max_length=200, blank=True)
    intro_en = models.TextField(_("introduction (English)"), blank=True, max_length=2000)
    intro_zh = models.TextField(_("introduction (Chinese)"), blank=True, max_length=2000)
    thanks_en = models.TextField(_("thanks (English)"), blank=True, max_length=2000)
    thanks_zh = models.TextField(_("thanks (Chinese)"), blank=True, max_length=2000)
    active = models.BooleanField(
        _("active"), default=False, help_text=_("Only active surveys invite and take answers.")
    )
    anonymous = models.BooleanField(
        _("anonymous"),
        default=False,
        help_text=_("Answers are kept without the member, only with the day. Fixed once answered."),
    )
    trigger_event = models.CharField(
        _("invite after event"),
        max_length=64,
        blank=True,
        validators=[
            RegexValidator(r"^[A-Za-z][A-Za-z0-9_ .:-]{0,63}\Z", _("Use the name of an event, such as purchase."))
        ],
        help_text=_("For example purchase; empty: nobody is invited automatically."),
    )
    delay_minutes = models.PositiveIntegerField(
        _("delay in minutes"), default=0, validators=[MaxValueValidator(60 * 24 * 30)]
    )
    rest_days = models.PositiveIntegerField(
        _("rest period in days"),
        default=90,
        validators=[MaxValueValidator(3650)],
        help_text=_("Whoever was invited to any survey within these days is left in peace."),
    )
    quota = models.PositiveIntegerField(
        _("quota"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("No more invitations after this many answers; empty: no limit."),
    )
    purpose = models.CharField(
        _("consent purpose"),
        max_length=40,
        default="marketing",
        help_text=_("Members are invited only if they agreed to e-mails for this purpose."),
    )
    valid_days = models.PositiveIntegerField(
        _("link is valid for days"), default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    minimum_answers = models.PositiveIntegerField(
        _("show scores from this many answers"),
        default=30,
        validators=[MinValueValidator(1)],
        help_text=_("Below this, scores are too uncertain to be shown."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("survey")
        verbose_name_plural = _("surveys")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="survey_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        return in_language(self.title_en, self.title_zh)

    @property
    def intro(self) -> str:
        return in_language(self.intro_en, self.intro_zh)

    @property
    def thanks(self) -> str:
        return in_language(self.thanks_en, self.thanks_zh)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers to choose from; `value` is what is stored."""

    value: str
    label_en: str
    label_zh: str

    @property
    def label(self) -> str:
        return in_language(self.label_en, self.label_zh)


class Question(TenantModel):
    """One question. `choices` (only of kind choice): a list of [value, English, Chinese]."""

    class Kind(models.TextChoices):
        NPS = "nps", _("recommendation, 0–10 (NPS)")
        RATING = "rating", _("rating, 1–5 (CSAT)")
        CHOICE = "choice", _("choice")
        TEXT = "text", _("free text")

    survey = TenantForeignKey(Survey, models.CASCADE, related_name="questions", verbose_name=_("survey"))
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    text_en = models.CharField(_("question (English)"), max_length=500)
    text_zh = models.CharField(_("question (Chinese)"), max_length=500, blank=True)
    required = models.BooleanField(_("required"), default=True)
    choices = models.JSONField(_("choices"), default=list, blank=True)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "survey"], condition=Q(kind="nps"), name="survey_one_nps_question"
            )
        ]
        indexes = [models.Index(fields=["tenant", "survey", "position"], name="question_by_survey")]

    def __str__(self) -> str:
        return self.text

    def clean(self) -> None:
        if self.kind == self.Kind.CHOICE and len(self.options) < 2:
            raise ValidationError({"choices": gettext("Give at least two choices.")})
        if len({option.value for option in self.options}) < len(self.options):
            raise ValidationError({"choices": gettext("Each choice needs a value of its own.")})

    @property
    def text(self) -> str:
        return in_language(self.text_en, self.text_zh)

    @property
    def options(self) -> list[Choice]:
        return [Choice(*row) for row in self.choices]

    @property
    def scale(self) -> range:
        """The numbers that may be answered; empty for choice and text."""
        return {self.Kind.NPS: range(11), self.Kind.RATING: range(1, 6)}.get(self.Kind(self.kind), range(0))

    def clean_value(self, value: Any) -> int | str | None:
        """The answer as it is stored; None for none. Raises ValueError with what is wrong."""
        if value is None or (isinstance(value, str) and not value.strip()):
            if self.required:
                raise ValueError(gettext("Please answer this question."))
            return None
        if self.kind == self.Kind.TEXT:
            if not isinstance(value, str) or len(value) > 5000 or "\x00" in value:
                raise ValueError(gettext("Must be a text of at most 5,000 characters."))
            return value.strip()
        if self.kind == self.Kind.CHOICE:
            if value not in [option.value for option in self.options]:
                raise ValueError(gettext("Choose one of the answers given."))
            return str(value)
        text = str(value)
        if isinstance(value, bool | float) or not text.isascii() or not text.isdigit() or len(text) > 2:
            number = None
        else:
            number = int(text)
        if number is None or number not in self.scale:
            raise ValueError(
                gettext("Must be a whole number from %(low)s to %(high)s.")
                % {"low": self.scale.start, "high": self.scale.stop - 1}
            )
        return number
