from django.urls import path

from members.api import pages

urlpatterns = [
    path("p/<str:token>", pages.preference_centre, name="preference_centre"),
    path("c/<str:token>", pages.confirmation, name="confirmation"),
]
