"""The platform's web process, plus one endpoint that does nothing: the limit of what any endpoint can reach here."""

import sys
from types import ModuleType

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http.response import HttpResponseBase
from django.urls import path
from rest_framework.response import Response

application = get_wsgi_application()

from urm import urls  # noqa: E402 - views need the applications, which get_wsgi_application() loads
from urm.rest.views import ANY_KEY, ApiRequest, ApiView  # noqa: E402


class Empty(ApiView):
    """Authenticated and limited as every other endpoint, and nothing more."""

    required_scope = ANY_KEY

    def post(self, request: ApiRequest) -> HttpResponseBase:
        return Response({"status": "empty"}, status=202)


routes = ModuleType("deploy.bench.routes")
routes.urlpatterns = [path("api/v1/empty", Empty.as_view()), *urls.urlpatterns]  # type: ignore[attr-defined]
sys.modules[routes.__name__] = routes
settings.ROOT_URLCONF = routes.__name__
