from django.urls import path

from analytics.api import kpis

urlpatterns = [
    path("kpis", kpis.KpiList.as_view()),
    path("kpis/<str:name>", kpis.KpiDetail.as_view()),
]
