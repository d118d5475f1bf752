from django.urls import path

from urm.jobs.api import pages

urlpatterns = [path("files/<str:token>", pages.download, name="file")]
