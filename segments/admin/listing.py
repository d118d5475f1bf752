"""From the list of members to a static list: everybody whom the search and the filters show."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from members.admin.extensions import add_list_button
from members.models import Member
from segments.actions import SegmentError, list_members
from segments.actions.lists import MOST_FOUND
from segments.models import Segment
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import ListButton
from urm.ui.pages import page, render_page

PAGING = ("after", "before", "p", "o", "all")


class ListingForm(forms.Form):
    segment: Any = forms.ModelChoiceField(
        label=_("List"), queryset=None, required=False, empty_label=_("A new list"), widget=UnfoldAdminSelectWidget
    )
    name = forms.CharField(
        label=_("Name of the new list"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists: Any = self.fields["segment"]
        lists.queryset = Segment.objects.filter(kind=Segment.Kind.STATIC).order_by("name")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "segment" in given and not given["segment"] and not given.get("name"):
            self.add_error("name", _("Give the new list a name, or choose one that exists."))
        return given


@page("lists/add/", title=_("Put on a list"), capability="segments.change", name="list_from_search")
def list_from_search(request: WorkspaceRequest) -> HttpResponse:
    """The address holds what the list of members was searched and filtered by."""
    found = list(_found(request)[: MOST_FOUND + 1])
    form = ListingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            target, added = list_members(
                member_ids=found, segment=form.cleaned_data["segment"], name=form.cleaned_data["name"]
            )
        except SegmentError as error:
            form.add_error("name", " ".join(error.fields.values()))
        else:
            words = gettext("%(changed)s put on the list; %(already)s were on it already.")
            messages.success(request, words % {"changed": added, "already": len(found) - added})
            return redirect("admin:segment_list", target.pk)
    context = {"form": form, "count": len(found), "most": MOST_FOUND, "too_many": len(found) > MOST_FOUND}
    return render_page(request, "segments/listing.html", context)


def _found(request: HttpRequest) -> Any:
    """The numbers of the members that the list shows on all its pages."""
    given = request.GET.copy()
    for name in PAGING:
        given.pop(name, None)
    request.GET = given  # type: ignore[assignment]  # what the list's page would get
    member_admin: Any = admin.site._registry[Member]
    try:
        members = member_admin.get_changelist_instance(request).get_queryset(request)
    except IncorrectLookupParameters:
        raise Http404 from None
    return members.order_by("pk").values_list("pk", flat=True)


add_list_button(ListButton(_("Put on a list"), "playlist_add", "admin:list_from_search", "segments.change"))
