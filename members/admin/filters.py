"""Filters of the members' list: none looks at all members to know what it can offer."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models import AcquisitionSource, Consent, Member, Tag
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

NO_SOURCE = "-"


class TagFilter(SimpleListFilter):
    title = _("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return list(Tag.objects.order_by("name").values_list("id", "name")[:200])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(state__tag_ids__contains=[int(value)]) if value and value.isdigit() else queryset


class SourceFilter(SimpleListFilter):
    title = _("acquisition source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        sources = AcquisitionSource.objects.order_by("learned", "code")
        return [*((source.code, str(source)) for source in sources[:100]), (NO_SOURCE, _("none known"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(source=None) if value == NO_SOURCE else queryset.filter(source=value)


class RecruitedFilter(SimpleListFilter):
    """`2026-01-01~2026-04-01`: first seen on these local days, without the last; links of reports set it."""

    title = _("recruited")
    parameter_name = "recruited"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = request.GET.get(self.parameter_name, "")
        return [(value, value.replace("~", " – "))] if _days(value) else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = _days(self.value() or "")
        if days is None:
            return queryset
        zone = Tenant.objects.get(pk=require_tenant()).zone
        start, end = (datetime.combine(day, time(), zone) for day in days)
        return queryset.filter(first_seen_at__gte=start, first_seen_at__lt=end)


def _days(text: str) -> tuple[date, date] | None:
    first, _tilde, last = text.partition("~")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    return days if all(1900 < day.year < 3000 for day in days) else None


class KnownFilter(SimpleListFilter):
    title = _("known")
    parameter_name = "known"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return [("yes", _("with external id")), ("no", _("anonymous visitors"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in {"yes", "no"}:
            return queryset.filter(external_id__isnull=self.value() == "no")
        return queryset


class FirstSeenFilter(SimpleListFilter):
    title = _("first seen")
    parameter_name = "new"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return [("7", _("in the last 7 days")), ("30", _("in the last 30 days")), ("90", _("in the last 90 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value in {"7", "30", "90"}:
            return queryset.filter(first_seen_at__gte=timezone.now() - timedelta(days=int(value)))
        return queryset


class ConsentFilter(SimpleListFilter):
    title = _("consent to marketing by e-mail")
    parameter_name = "consent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return [("granted", _("granted")), ("withdrawn", _("withdrawn")), ("none", _("never asked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        consents = Consent.objects.filter(member=OuterRef("pk"), channel="email", purpose="marketing")
        match self.value():
            case "granted":
                return queryset.filter(Exists(consents.filter(granted=True)))
            case "withdrawn":
                return queryset.filter(Exists(consents.filter(granted=False)))
            case "none":
                return queryset.filter(~Exists(consents))
        return queryset


class GenderFilter(SimpleListFilter):
    title = _("gender")
    parameter_name = "gender"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return list(Member.Gender.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(gender=self.value()) if self.value() in Member.Gender.values else queryset
