from django.urls import path

from members.api import collect, pages

urlpatterns = [
    path("js/v1/urm.js", collect.snippet, name="snippet"),
    path("p/<str:token>", pages.preference_centre, name="preference_centre"),
    path("c/<str:token>", pages.confirmation, name="confirmation"),
]
