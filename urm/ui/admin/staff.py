"""Who works in the workspace, and in which role. Accounts and passwords are the people's own."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from urm.tenancy.models import Role
from urm.tenancy.roles import ROLES
from urm.ui.actions import StaffError, change_role, invite_staff, remove_staff, send_invitation
from urm.ui.admin.base import ModelAdmin
from urm.ui.components import Empty
from urm.ui.navigation import Entry
from urm.ui.pages import staff_may

ROLE_HELP = _(
    "Owner: everything, and decides who is owner. Admin: everything else. Marketer: people, campaigns, rewards. "
    "Analyst: sees all, saves segments, exports. Support: members and feedback. Viewer: sees, changes nothing."
)


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    class Meta:
        model = Role
        fields = ("name",)
        widgets = {"name": UnfoldAdminSelectWidget}
        help_texts = {"name": ROLE_HELP}


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    email = forms.EmailField(label=_("E-mail"), widget=UnfoldAdminEmailInputWidget)
    person = forms.CharField(label=_("Name"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget)

    class Meta(RoleForm.Meta):
        pass


@admin.register(Role)
class StaffAdmin(ModelAdmin):
    area = "workspace"
    heading = _("Staff")
    add_label = _("Invite a colleague")
    sidebar = Entry("workspace", 10, "badge", key="w")
    empty = Empty(_("Nobody works here yet"), _("Invite a colleague by e-mail."))
    list_display = ("person", "email", "name", "state", "created_at")
    list_display_links = ("person",)
    list_filter = ("name",)
    search_fields = ("user__name", "user__email")
    search_help_text = _("Search by name or e-mail")
    list_select_related = ("user",)
    ordering = ("user__email",)
    change_form_outer_after_template = "ui/staff_invitation.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Roles are a platform table: nothing but this filter keeps to the workspace."""
        queryset: QuerySet[Any] = super().get_queryset(request)
        return queryset.filter(tenant=request.workspace)  # type: ignore[attr-defined]

    def get_urls(self) -> list[URLPattern]:
        resend = path(
            "<int:pk>/invite/", self.admin_site.admin_view(require_POST(self.invite_again)), name="staff_invite_again"
        )
        urls: list[URLPattern] = super().get_urls()
        return [resend, *urls]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        base = RoleForm if obj else InvitationForm
        form = type(base.__name__, (base,), {})
        owner = staff_may(request, "workspace.own")
        choices = [(name, role.label) for name, role in ROLES.items() if owner or name != "owner"]
        field = forms.ChoiceField(
            label=_("Role"), choices=choices, help_text=ROLE_HELP, widget=UnfoldAdminSelectWidget(choices=choices)
        )
        form.base_fields["name"] = field  # type: ignore[attr-defined]
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["name"] if obj else ["email", "person", "name"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    @staticmethod
    def _may_touch(request: HttpRequest, obj: Role | None) -> bool:
        """Owners are the owners' business."""
        return obj is None or obj.name != "owner" or staff_may(request, "workspace.own")

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """`invite_staff` makes the row; nothing is built from the form before."""
        return form.instance if change else Role(tenant=request.workspace)  # type: ignore[attr-defined]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            change_role(role=obj, name=form.cleaned_data["name"])
            return
        data = form.cleaned_data
        role, _new = invite_staff(
            workspace=request.workspace,  # type: ignore[attr-defined]
            email=data["email"],
            role=data["name"],
            name=data["person"],
        )
        obj.pk, obj.user, obj.name = role.pk, role.user, role.name
        self._write_to(request, role)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A role has no related rows."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        remove_staff(role=obj)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._saying_why(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._saying_why(request, super().delete_view, *args, **kwargs)

    @staticmethod
    def _saying_why(request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = view(request, *args, **kwargs)
        except StaffError as error:
            messages.error(request, str(error))
            return redirect(request.get_full_path())
        return response

    def invite_again(self, request: HttpRequest, pk: int) -> HttpResponse:
        role = self.get_object(request, str(pk))
        if not self.has_change_permission(request, role):
            raise PermissionDenied
        self._write_to(request, role)
        return redirect("admin:tenancy_role_change", pk)

    @staticmethod
    def _write_to(request: HttpRequest, role: Role) -> None:
        try:
            send_invitation(role=role)
        except OSError:
            messages.warning(
                request,
                gettext("The role is saved, but the invitation could not be sent. Open the person and send it again."),
            )
        else:
            messages.success(request, gettext("The invitation is on its way."))

    @admin.display(description=_("name"), ordering="user__name")
    def person(self, role: Role) -> str:
        return role.user.name or role.user.email

    @admin.display(description=_("e-mail"), ordering="user__email")
    def email(self, role: Role) -> str:
        return role.user.email

    @admin.display(description=_("state"))
    def state(self, role: Role) -> str:
        if not role.user.is_active:
            return gettext("switched off")
        return gettext("active") if role.user.has_usable_password() else gettext("invited")
