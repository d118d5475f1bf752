"""The composition root's addresses: each app adds its own."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("urm.ui.urls")),
]
