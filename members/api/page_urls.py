from django.urls import path

from members.api import collect

urlpatterns = [
    path("js/v1/urm.js", collect.snippet, name="snippet"),
]
