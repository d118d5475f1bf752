"""Data quality: what is missing, not valid, doubled or old; two clicks from each figure to its members."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from members.actions.attributes import promote_attribute
from members.admin.extensions import add_member_filter
from members.models import AttributeDefinition, DuplicateCandidate
from members.queries.quality import AGES, FIELDS, candidates, completeness, freshness, having, judged
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page, staff_may


class QualityFilter(SimpleListFilter):
    title = _("data quality")
    parameter_name = "quality"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        labels = {"email": _("without e-mail"), "phone": _("without phone"), "birthday": _("without birthday")}
        return [
            *((f"missing:{name}", labels[name]) for name in FIELDS if name in labels),
            *((f"unchanged:{days}", _("unchanged for %(days)s days") % {"days": days}) for days in AGES),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        condition = having(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class SourceFilter(SimpleListFilter):
    """By acquisition source: offered by links only, for there may be any number of sources."""

    title = _("acquisition source")
    parameter_name = "from"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        given = request.GET.get("from")
        return [(given, given or _("no source"))] if given is not None else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(source=value) if value else queryset.filter(source__isnull=True)


add_member_filter(QualityFilter)
add_member_filter(SourceFilter)


@page(
    "quality/",
    title=_("Data quality"),
    capability="members.view",
    sidebar=Entry("people", 60, "fact_check", key="q"),
)
def quality(request: WorkspaceRequest) -> HttpResponse:
    fields = completeness()
    context = {
        "total": judged().count(),
        "fields": [
            {
                "field": one,
                "share": one.filled / one.total if one.total else None,
                "missing": one.total - one.filled,
                "missing_url": _people(quality=f"missing:{one.name}"),
                "invalid_url": _people(quality=f"invalid:{one.name}"),
            }
            for one in fields
        ],
        "ages": AGES,
        "sources": [
            {
                "source": one,
                "url": _people(**{"from": one.source}),
                "older": [
                    (count, _people(**{"from": one.source, "quality": f"unchanged:{days}"}))
                    for days, count in zip(AGES, one.older, strict=True)
                ],
            }
            for one in freshness()
        ],
        "duplicates": DuplicateCandidate.objects.filter(dismissed_at=None).count(),
        "duplicates_url": _duplicates(),
        "candidates": candidates(),
        "types": dict(AttributeDefinition.Type.choices),
        "may_promote": staff_may(request, "workspace.change"),
    }
    return render_page(request, "members/quality.html", context)


@page("quality/promote/", title=_("Register an attribute"), capability="workspace.change", name="attribute_promote")
def promote(request: WorkspaceRequest) -> HttpResponse:
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    name = request.POST.get("name", "")
    try:
        definition = promote_attribute(name=name, attribute_type=request.POST.get("type", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("admin:quality")
    condition = having(f"invalid:attributes.{name}")
    wrong = judged().filter(condition).count() if condition is not None else 0
    if wrong:
        text = ngettext(
            "%(name)s is registered. %(n)s member has a value that does not fit; here it is.",
            "%(name)s is registered. %(n)s members have a value that does not fit; here they are.",
            wrong,
        )
        messages.warning(request, text % {"name": name, "n": wrong})
        return redirect(_people(quality=f"invalid:attributes.{name}"))
    messages.success(request, gettext("%(name)s is registered; every value fits.") % {"name": name})
    return redirect("admin:members_attributedefinition_change", definition.pk)


def _people(**query: str) -> str:
    return f"{reverse('admin:members_member_changelist')}?{urlencode({'known': 'yes', **query})}"


def _duplicates() -> str:
    try:
        return reverse("admin:members_duplicatecandidate_changelist")
    except NoReverseMatch:
        return ""
