"""Scores: what each means, how it is spread, a tag by a threshold; and on the member's page, why it is what it is."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from members.models import Member, Tag
from segments.actions import SegmentError, set_tag_rule
from segments.actions.scores import FORMULAS, Formula, request_scores
from segments.models import Score, ScoreRun
from segments.queries.scores import Spread, spreads
from urm.rules import RuleError
from urm.rules.workspace import current_names
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Chart, Series
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page, staff_may
from urm.ui.panels import panel

GROUP = "scores"  # of the tags made here


class ThresholdForm(forms.Form):
    name = forms.CharField(max_length=60)
    at_least = forms.DecimalField(min_value=0, max_value=1000, max_digits=8, decimal_places=2)


@page("scores/", title=_("Scores"), capability="segments.view", sidebar=Entry("people", 46, "speed"))
def scores(request: WorkspaceRequest) -> HttpResponse:
    if request.method == "POST":
        return _write(request)
    names, language = current_names(), get_language() or "en"
    found = spreads({formula.name: formula.up_to for formula in FORMULAS})
    cards = []
    for formula in FORMULAS:
        entry = names.find("score", formula.name)
        label = entry.label(language) if entry else formula.name
        spread = found.get(formula.name)
        cards.append(
            {
                "formula": formula,
                "label": label,
                "spread": spread,
                "chart": _chart(formula, label, spread) if spread else None,
                "tag": f"{label} ≥ {formula.suggested:g}",
            }
        )
    context = {"cards": cards, "run": ScoreRun.objects.first(), "may_change": staff_may(request, "segments.change")}
    return render_page(request, "segments/scores.html", context)


@panel("member", title=_("Scores"), capability="segments.view", template="segments/panels/scores.html", order=45,
       width="third")  # fmt: skip
def member_scores(request: WorkspaceRequest, member: Member) -> dict[str, Any]:
    names, language = current_names(), get_language() or "en"
    key = "zh-hans" if language.startswith("zh") else "en"
    known = {formula.name: formula for formula in FORMULAS}
    rows = []
    for score in Score.objects.filter(member=member).order_by("name"):
        entry = names.find("score", score.name)
        formula = known.get(score.name)
        reasons = [one.get(key, "") for one in score.explanation.get("reasons", []) if isinstance(one, dict)]
        rows.append(
            {
                "label": entry.label(language) if entry else score.name,
                "value": score.value,
                "up_to": formula.up_to if formula else 100,
                "definition": formula.definition if formula else "",
                "reasons": reasons,
                "is_hour": score.name == "preferred_hour",
                "computed_at": score.computed_at,
            }
        )
    return {"rows": rows}


def _write(request: WorkspaceRequest) -> HttpResponse:
    if not staff_may(request, "segments.change"):
        raise PermissionDenied
    if "compute" in request.POST:
        request_scores()
        messages.success(request, gettext("The scores are being worked out."))
        return redirect("admin:scores")
    formula = next((one for one in FORMULAS if one.name == request.POST.get("score")), None)
    form = ThresholdForm(request.POST)
    if formula is None or not form.is_valid():
        messages.error(request, gettext("Give the tag a name and a number as its threshold."))
        return redirect("admin:scores")
    least = form.cleaned_data["at_least"]
    number = int(least) if least == least.to_integral_value() else float(least)
    rule = {"version": 1, "fact": "score", "name": formula.name, "op": "gte", "value": number}
    try:
        made = set_tag_rule(name=form.cleaned_data["name"].strip(), rule=rule)
    except SegmentError as error:
        messages.error(request, " ".join(error.fields.values()))
        return redirect("admin:scores")
    except RuleError as error:
        messages.error(request, error.message)
        return redirect("admin:scores")
    Tag.objects.filter(pk=made.tag_id, group="").update(group=GROUP)
    messages.success(request, gettext("The tag %(tag)s follows the score now.") % {"tag": made.tag.name})
    return redirect(reverse("admin:segments_tagrule_change", args=[made.pk]))


def _chart(formula: Formula, label: str, spread: Spread) -> Chart:
    return Chart(
        title=capfirst(label),
        labels=[text for text, _count in spread.bins],
        series=[Series(gettext("members"), [count for _text, count in spread.bins])],
        x_title=gettext("score"),
        y_title=gettext("members"),
        kind="bar",
        definition=formula.definition,
    )
