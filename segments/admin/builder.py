"""What the rule builder asks the server: the language described, suggestions while typing, and a rule tried out."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.admin.extensions import words_for
from segments.admin.texts import texts
from segments.queries.suggestions import (
    Suggestions,
    names_like,
    properties_like,
    property_values_like,
    values_like,
)
from segments.queries.trial import Trial, try_rule
from urm.rules import Entry, Names, RuleError, load
from urm.rules.describe import describe
from urm.rules.workspace import current_names
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.formats import number
from urm.ui.pages import page

READS = ("GET", "HEAD")
MAX_RULE = 70_000  # bytes read of what is sent; the language refuses less with a clear message


def title_of(kind: str, entry: Entry) -> str:
    """An event is called as staff call it or as in the timeline, with the name that rules say beside it."""
    label = entry.label(get_language() or "en")
    if kind != "event":
        return label
    words = label if label != entry.key else str(words_for(label).label)
    return words if words == entry.key else f"{words} · {entry.key}"


@page("rules/language/", title=_("Rule language"), capability="segments.view", name="rule_language")
def rule_language(request: WorkspaceRequest) -> HttpResponse:
    """The language and the texts of the builder."""
    if request.method not in READS:
        return HttpResponseNotAllowed(READS)
    return JsonResponse({**describe(current_names(), title_of), "texts": texts()})


def _numbered(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isdigit() and len(text) < 5 else 0


@page("rules/suggestions/", title=_("Suggestions"), capability="segments.view", name="rule_suggestions")
def rule_suggestions(request: WorkspaceRequest) -> HttpResponse:
    """`?names=KIND`, `?term=CONDITION` (values of a fact), `?event=NAME` (its properties), with `&prop=` their values;
    `&q=` is what is typed, `&page=` counts from 0."""
    if request.method not in READS:
        return HttpResponseNotAllowed(READS)
    try:
        found = _suggestions(request, current_names())
    except RuleError:  # half a condition has no values yet
        found = Suggestions([], more=False)
    return JsonResponse({"options": found.options, "more": found.more})


def _suggestions(request: HttpRequest, names: Names) -> Suggestions:
    text, number_of_page = request.GET.get("q", "")[:100].replace("\0", ""), _numbered(request, "page")
    events = request.GET.getlist("event")[:50]
    prop = request.GET.get("prop", "").replace("\0", "")
    if "names" in request.GET:
        of = {key.removeprefix("of_"): str(value) for key, value in request.GET.items() if key.startswith("of_")}
        return names_like(request.GET["names"], text, number_of_page, names, titles=title_of, of=of)
    if "term" in request.GET:
        term = load(request.GET["term"])
        return values_like(term if isinstance(term, Mapping) else {}, text, number_of_page, names)
    if prop:
        return property_values_like(events, prop, text, number_of_page, names)
    return properties_like(events, text, number_of_page, names)


@page("rules/preview/", title=_("Preview"), capability="segments.view", name="rule_preview")
def rule_preview(request: WorkspaceRequest) -> HttpResponse:
    """JSON of a rule in; out: how many, who, what each condition lets through — or what is wrong and where.
    `?exact` counts everybody whatever their number."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        rule = load(request.body[:MAX_RULE].decode("utf-8", "replace"))
        found = try_rule(rule, names=current_names(), exact="exact" in request.GET)
    except RuleError as error:
        problems = [{"path": one.path, "message": one.message, "code": one.code} for one in error.problems]
        return JsonResponse({"problems": problems})
    return JsonResponse(_shown(found))


def _shown(found: Trial) -> dict[str, Any]:
    url = reverse("admin:members_member_changelist")
    return {
        "count": number(found.count),
        "everybody": number(found.everybody),
        "margin": None if found.margin is None else number(found.margin),
        "sample": [{"name": one.name, "url": f"{url}{one.id}/change/"} for one in found.sample],
        "words": found.words,
        "parts": [
            {
                "path": part.path,
                "alone": number(part.alone),
                "share": part.alone / found.everybody if found.everybody else 0,
                "together": None if part.together is None else number(part.together),
            }
            for part in found.parts
        ],
    }
