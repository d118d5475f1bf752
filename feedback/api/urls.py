from django.urls import path

from feedback.api import surveys

urlpatterns = [
    path("surveys", surveys.SurveyList.as_view()),
    path("surveys/<int:survey_id>", surveys.SurveyDetail.as_view()),
    path("surveys/<int:survey_id>/responses", surveys.ResponseList.as_view()),
]
