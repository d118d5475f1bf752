"""Forms with a rule in them: JSON, checked by the language itself, with a count that follows what is typed."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from segments.actions.stages import MAX_KEEP_DAYS
from urm.rules import Names, RuleError, check, load
from urm.rules.workspace import current_names

EMPTY_RULE = '{\n  "version": 1,\n  "all": []\n}'


class RuleField(forms.CharField):
    """Cleans to the parsed rule; every problem the language finds is told with its place."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"rows": 16, "class": "ui-code", "spellcheck": "false", "data-rule": "true"}
        super().__init__(
            label=gettext_lazy("Rule"),
            widget=forms.Textarea(attrs=attrs),
            help_text=gettext_lazy("What the builder writes, and the API takes. Edits here come back to the builder."),
            max_length=65_536,
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, dict) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            rule = load(text)
            check(rule, current_names())
        except RuleError as error:
            raise forms.ValidationError([f"{problem.path}: {problem.message}" for problem in error.problems]) from error
        return rule


class SegmentForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=500, required=False)
    value_proposition = forms.CharField(
        label=gettext_lazy("Value proposition"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("What these members get from us, in plain words; messages can quote it."),
    )
    rule = RuleField()


class StageForm(forms.Form):
    label_en = forms.CharField(label=gettext_lazy("Label (English)"), max_length=60)
    label_zh = forms.CharField(label=gettext_lazy("Label (Chinese)"), max_length=60, required=False)
    position = forms.IntegerField(
        label=gettext_lazy("Tried as number"),
        min_value=1,
        max_value=1000,
        help_text=gettext_lazy("Rules are tried in this order; the first that holds decides a member's stage."),
    )
    rule = RuleField()


class TagRuleForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Tag"), max_length=60)
    keep_days = forms.IntegerField(
        label=gettext_lazy("Days it stays on"),
        min_value=0,
        max_value=MAX_KEEP_DAYS,
        initial=0,
        help_text=gettext_lazy("For so many days a member keeps the tag after the rule ceased to hold; 0 is none."),
    )
    rule = RuleField()


def examples() -> list[dict[str, Any]]:
    """Ready rules to begin with: those that this workspace has the events for."""
    names = current_names()
    return [
        {"title": title, "rule": json.dumps({"version": 1, "all": rules}, indent=2)}
        for title, rules in _templates()
        if _checks({"all": rules}, names)
    ]


def _checks(rule: dict[str, Any], names: Names) -> bool:
    try:
        check(rule, names)
    except RuleError:
        return False
    return True


def _templates() -> list[tuple[str, list[dict[str, Any]]]]:
    purchase = {"fact": "event", "name": "purchase"}
    count, last = {**purchase, "measure": "count"}, {**purchase, "measure": "days_since_last"}
    spent = {**purchase, "measure": "sum:amount", "window": {"days": 365}, "op": "gte", "value": 500}
    year, season = {"window": {"days": 365}}, {"window": {"days": 90}}
    profile = {"fact": "profile"}
    return [
        (
            _("Champions: bought lately, often and for much"),
            [{**last, "op": "lte", "value": 30}, {**count, **year, "op": "gte", "value": 5}, spent],
        ),
        (
            _("Lapsing: bought often, but not for 45 days"),
            [{**count, **year, "op": "gte", "value": 3}, {**last, "op": "gt", "value": 45}],
        ),
        (_("Lost: no purchase for 180 days"), [{**last, "op": "gt", "value": 180}]),
        (_("Bought once only"), [{**count, "op": "eq", "value": 1}]),
        (_("Never bought"), [{**count, "op": "eq", "value": 0}]),
        (_("Regulars: at least 3 purchases in 90 days"), [{**count, **season, "op": "gte", "value": 3}]),
        (_("Spent at least 500 in the last 365 days"), [spent]),
        (_("New in the last 60 days"), [{**profile, "name": "first_seen_at", "op": "within_last", "value": 60}]),
        (_("Active in the last 30 days"), [{**profile, "name": "last_seen_at", "op": "within_last", "value": 30}]),
        (
            _("Birthday in the next 14 days"),
            [{**profile, "name": "birthday", "op": "anniversary_within_next", "value": 14}],
        ),
        (_("Can be reached by e-mail"), [{"fact": "reachable", "channel": "email", "op": "is_true"}]),
    ]
