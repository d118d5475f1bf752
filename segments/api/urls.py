from django.urls import path

from segments.api import health, segments

urlpatterns = [
    path("segments", segments.SegmentList.as_view()),
    path("segments/preview", segments.Preview.as_view()),
    path("segments/<int:segment_id>", segments.SegmentDetail.as_view()),
    path("segments/<int:segment_id>/members", segments.SegmentMembers.as_view()),
    path("segments/<int:segment_id>/members/<path:external_id>", segments.SegmentMember.as_view()),
    path("segments/<int:segment_id>/explain/<path:external_id>", segments.Explain.as_view()),
    path("members/<path:external_id>/segments", segments.MemberSegments.as_view()),
    path("rule-schema", segments.RuleSchema.as_view()),
]

__all__ = ["health", "urlpatterns"]  # health registers itself
