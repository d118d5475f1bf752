from django.urls import path

from feedback.api import pages

urlpatterns = [
    path("s/<str:token>/", pages.survey, name="survey_page"),
    path("s/<str:token>/thanks/", pages.thanks, name="survey_thanks"),
    path("s/<str:token>/stop/", pages.stop, name="survey_stop"),
]
