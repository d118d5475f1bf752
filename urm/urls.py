"""The composition root's addresses: each app adds its own."""

from django.urls import URLPattern, URLResolver, include, path

handler400 = "urm.rest.errors.handler400"
handler403 = "urm.rest.errors.handler403"
handler404 = "urm.rest.errors.handler404"
handler500 = "urm.rest.errors.handler500"

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("urm.jobs.api.urls")),
    path("api/v1/", include("members.api.urls")),
    path("api/v1/", include("segments.api.urls")),
    path("api/v1/", include("campaigns.api.urls")),
    path("api/v1/", include("feedback.api.urls")),
    path("api/v1/", include("loyalty.api.urls")),
    path("api/v1/", include("analytics.api.urls")),
    path("api/v1/", include("members.api.last_urls")),
    path("", include("members.api.page_urls")),
    path("", include("urm.jobs.api.page_urls")),
    path("", include("feedback.api.page_urls")),
    path("", include("campaigns.api.page_urls")),
    path("", include("urm.rest.urls")),
    path("", include("urm.ui.urls")),
]
