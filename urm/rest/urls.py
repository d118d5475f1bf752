from django.urls import path, re_path

from urm.rest import errors, health, metrics, openapi

urlpatterns = [
    path("livez", health.live, name="livez"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("api/v1/schema/", openapi.schema, name="api-schema"),
    path("api/v1/docs/", openapi.docs, name="api-docs"),
    re_path(r"^api/.*$", errors.no_such_route),  # last: urm.urls includes the apps' routes before these
]
