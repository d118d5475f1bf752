from django.urls import path

from analytics.api import kpis, portrait, rfm

urlpatterns = [
    path("kpis", kpis.KpiList.as_view()),
    path("kpis/<str:name>", kpis.KpiDetail.as_view()),
    path("rfm", rfm.Rfm.as_view()),
    path("rfm/members", rfm.RfmMembers.as_view()),
    path("rfm/segments", rfm.RfmSegments.as_view()),
    path("segments/<int:segment_id>/portrait", portrait.SegmentPortrait.as_view()),
]
