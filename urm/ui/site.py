"""The one admin site. It exists under `/w/<workspace>/admin/` only: see urm.tenancy.middleware."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from urm.tenancy.models import Role, User
from urm.tenancy.roles import ROLES
from urm.ui.addresses import outside_workspace, workspace_address
from urm.ui.confirming import confirm
from urm.ui.navigation import sidebar
from urm.ui.pages import registered_pages
from urm.ui.panels import render_panels

# unfold's Alpine evaluates the expressions in its templates; nowhere but in the admin is that allowed.
SCRIPT_SOURCES = ["'self'", "'unsafe-eval'"]


class WorkspaceSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold is not typed
    index_template = "ui/home.html"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only our ModelAdmins, which know the workspace: other packages' admins (groups, axes) are left out."""
        if hasattr(admin_class, "area"):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return isinstance(user, User) and user.is_active and hasattr(request, "workspace") and user.role is not None

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., HttpResponseBase]:
        inner = super().admin_view(view, cacheable)

        def in_workspace(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not hasattr(request, "workspace"):
                return redirect("choose_workspace")
            if not self.has_permission(request):
                return redirect_to_login(request.get_full_path(), outside_workspace("login"))
            response: HttpResponseBase = inner(request, *args, **kwargs)
            own = getattr(response, "_csp_update", {})  # what the view itself asked for with @csp_update
            response._csp_update = {"script-src": SCRIPT_SOURCES, **own}  # type: ignore[attr-defined]
            return response

        in_workspace.csrf_exempt = getattr(inner, "csrf_exempt", False)  # type: ignore[attr-defined]
        return update_wrapper(in_workspace, view)

    def get_urls(self) -> list[URLPattern]:
        pages = [path(page.route, self.admin_view(page.view), name=page.name) for page in registered_pages()]
        asking = path("confirm/", self.admin_view(confirm), name="confirm")
        urls: list[URLPattern] = [asking, *pages, *super().get_urls()]
        return urls

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect(outside_workspace("login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST":
            logout(request)
        return redirect(outside_workspace("login"))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        request.current_app = self.name
        context = {
            **self.each_context(request),
            "title": _("Home"),
            "panels": render_panels(request, "home"),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "ui/home.html", context)

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The sidebar replaces Django's pages per app."""
        return redirect("admin:index")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        workspace = getattr(request, "workspace", None)
        user = request.user
        mine = []
        if workspace and isinstance(user, User):
            roles = Role.objects.filter(user=user).select_related("tenant").order_by("tenant__name")
            mine = [
                {
                    "title": role.tenant.name,
                    "link": workspace_address(role.tenant.slug),
                    "icon": "check" if role.tenant_id == workspace.pk else "storefront",
                    "current": role.tenant_id == workspace.pk,
                }
                for role in roles
            ]
        return context | {
            "workspace": workspace,
            "workspaces": mine,
            "site_header": workspace.name if workspace else "URM",
            "site_subheader": ROLES[user.role].label if workspace and isinstance(user, User) and user.role else "",
            "site_dropdown": mine if len(mine) > 1 else None,
            "colors": None,  # they stand in ui/theme.css: the Content-Security-Policy refuses style elements
            "redirect_to": request.get_full_path(),
        }

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return sidebar(request)
