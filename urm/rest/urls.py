from django.urls import path, re_path

from urm.rest import errors, health, metrics, openapi

urlpatterns = [
    path("livez", errors.read_only(health.live), name="livez"),
    path("readyz", errors.read_only(health.ready), name="readyz"),
    path("metrics", errors.read_only(metrics.metrics), name="metrics"),
    path("api/v1/schema/", errors.read_only(openapi.schema), name="api-schema"),
    path("api/v1/docs/", errors.read_only(openapi.docs), name="api-docs"),
    re_path(r"^api/.*$", errors.no_such_route),  # last: urm.urls includes the apps' routes before these
]
