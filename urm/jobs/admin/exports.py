"""Asking for an export, and exports of whatever has a list in the admin."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Model
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.test import RequestFactory
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from urm.audit.actor import current_actor
from urm.jobs.exports import Export, Query, export_named, register_export, start_export
from urm.tenancy.context import require_tenant
from urm.tenancy.middleware import WorkspaceRequest
from urm.tenancy.models import Tenant, User
from urm.ui.confirming import ask_to_confirm, is_confirmed
from urm.ui.pages import page, render_page, staff_may


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[("csv", _("CSV, for any program")), ("xlsx", _("Excel workbook")), ("jsonl", _("JSON lines"))],
        widget=forms.RadioSelect,
        initial="csv",
    )


@page("export/", title=_("Export"), capability="members.export", name="export")
def export(request: WorkspaceRequest) -> HttpResponse:
    """`what` names the export; everything else in the address is the list's search and filters."""
    chosen = export_named(request.GET.get("what", "members"))
    if chosen is None:
        raise Http404
    if not staff_may(request, chosen.capability):
        raise PermissionDenied
    if not is_confirmed(request):
        return ask_to_confirm(request, then=request.get_full_path())
    query = {name: request.GET.getlist(name) for name in request.GET if name not in {"what", "after", "p", "o"}}
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        job = start_export(what=chosen.name, file_format=form.cleaned_data["format"], query=query)
        messages.success(request, gettext("The file is being written; it can be downloaded here when it is ready."))
        return redirect("admin:jobs_job_change", job.pk)
    return render_page(
        request,
        "jobs/export.html",
        {"form": form, "filtered": bool(query)},
        title=gettext("Export: %(what)s") % {"what": chosen.label},
    )


def export_of_list(
    model: type[Model],
    *,
    name: str,
    label: str | Promise,
    capability: str,
    header: Callable[[], list[str]],
    rows: Callable[[Sequence[Any]], list[list[Any]]],
) -> None:
    """Let the admin's list of `model`, which must have a `keyset`, be exported with its search and filters."""

    def fetch(query: Query, after: Any, limit: int) -> tuple[list[list[Any]], Any]:
        model_admin: Any = admin.site._registry[model]
        request = _request(query)
        names = [field.removeprefix("-") for field in model_admin.keyset]
        found = model_admin.get_changelist_instance(request).get_queryset(request)
        if after is not None:
            fields = [model._meta.get_field(field) for field in names]
            values = tuple(field.to_python(value) for field, value in zip(fields, after, strict=True))  # type: ignore[union-attr]
            beyond = TupleLessThan if model_admin.keyset[0].startswith("-") else TupleGreaterThan
            found = found.filter(beyond(tuple(F(field) for field in names), values))
        objects = list(found.order_by(*model_admin.keyset)[:limit])
        last = [_plain(getattr(objects[-1], field)) for field in names] if len(objects) == limit else None
        return rows(objects), last

    register_export(Export(name, label, capability, header, fetch))


def _request(query: Query) -> HttpRequest:
    """What the list's page would get from whoever started the export."""
    given = QueryDict(mutable=True)
    for name, values in query.items():
        given.setlist(name, list(values))
    request: Any = RequestFactory().get("/")
    request.GET = given
    request.workspace = Tenant.objects.get(pk=require_tenant())
    actor = current_actor()
    request.user = User.objects.filter(pk=actor.id or 0).first() if actor.kind == "staff" else User()
    return request  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
