"""The workspace of an admin page comes from its address, `/w/<slug>/…`, so two tabs can show two workspaces."""

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone
from django.views.defaults import page_not_found

from urm.tenancy.context import in_tenant, tenant_context
from urm.tenancy.models import Role, Tenant

_ADDRESS = re.compile(r"^/w/(?P<slug>[-\w]{1,50})(?P<rest>/.*)$")


class WorkspaceRequest(HttpRequest):
    """A request under `/w/<slug>/`."""

    workspace: Tenant


class WorkspaceMiddleware:
    """Move `/w/<slug>` from the path into the script prefix: every `reverse()` then stays inside the workspace.

    A workspace that the signed-in person has no role in looks like one that does not exist. Must stand after
    AuthenticationMiddleware.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = _ADDRESS.match(request.path_info)
        if match is None:
            return self.get_response(request)
        workspace = Tenant.objects.filter(slug=match["slug"]).first()
        if workspace is None or not self._may_enter(request, workspace):
            return page_not_found(request, Http404("No such workspace."))
        prefix = get_script_prefix()
        request.path_info = match["rest"]
        request.workspace = workspace  # type: ignore[attr-defined]  # see WorkspaceRequest
        set_script_prefix(f"{prefix}w/{workspace.slug}/")
        try:
            with tenant_context(workspace.pk), timezone.override(ZoneInfo(workspace.time_zone)):
                response = self.get_response(request)
        finally:
            set_script_prefix(prefix)
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = in_tenant(workspace.pk, response.streaming_content)  # type: ignore[arg-type]
        return response

    @staticmethod
    def _may_enter(request: HttpRequest, workspace: Tenant) -> bool:
        """Anonymous visitors may come as far as the log-in page."""
        user = request.user
        return not user.is_authenticated or Role.objects.filter(user_id=user.pk, tenant=workspace).exists()
