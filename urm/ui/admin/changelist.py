"""Lists of large tables: paged by position in an index, counted no further than a reader cares about."""

from datetime import datetime
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.views import ChangeList

AFTER = "after"
COUNT_UP_TO = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable when it runs
    template_name = "ui/pagination_keyset.html"

    @cached_property
    def count(self) -> int:
        """Exact up to COUNT_UP_TO, else one more than that."""
        rows = self.object_list
        return rows[: COUNT_UP_TO + 1].count() if isinstance(rows, models.QuerySet) else len(rows)


class KeysetChangeList(ChangeList):  # type: ignore[misc]  # unfold is not typed
    """`model_admin.keyset` names the ordering: all ascending or all descending, ending with the id."""

    after: str | None = None
    next_after: str | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str] | None = None) -> Any:
        given = self.filter_params.pop(AFTER, None)
        self.params.pop(AFTER, None)
        if given:
            self.after = given[0]
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[str]:
        return list(self.model_admin.keyset)

    def get_ordering_field_columns(self) -> dict[int, str]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        names = [name.removeprefix("-") for name in self.model_admin.keyset]
        self.paginator = CappedPaginator(self.queryset, self.list_per_page)
        self.result_count = self.paginator.count
        self.more_than_counted = self.result_count > COUNT_UP_TO
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = False
        rows = self.queryset
        if self.after:
            descending = self.model_admin.keyset[0].startswith("-")
            beyond = TupleLessThan if descending else TupleGreaterThan
            rows = rows.filter(beyond(tuple(models.F(name) for name in names), tuple(self._position(names))))
        found = list(rows[: self.list_per_page + 1])
        self.result_list = found[: self.list_per_page]
        if len(found) > self.list_per_page:
            self.next_after = "~".join(_written(getattr(self.result_list[-1], name)) for name in names)

    def _position(self, names: list[str]) -> list[Any]:
        """The values that `next_after` wrote; anything else is no position."""
        fields = [self.lookup_opts.get_field(name) for name in names]
        try:
            values = [
                field.to_python(value) for field, value in zip(fields, (self.after or "").split("~"), strict=True)
            ]
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error
        if any(isinstance(value, datetime) and timezone.is_naive(value) for value in values):
            raise IncorrectLookupParameters("A moment without time zone is no position.")
        return values

    @property
    def next_url(self) -> str | None:
        return self.get_query_string({AFTER: self.next_after}) if self.next_after else None

    @property
    def first_url(self) -> str | None:
        return self.get_query_string(remove=[AFTER]) or "?" if self.after else None


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
