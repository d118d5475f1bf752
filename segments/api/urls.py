from django.urls import path

from segments.api import audiences, health, segments

urlpatterns = [
    path("segments", segments.SegmentList.as_view()),
    path("segments/preview", segments.Preview.as_view()),
    path("segments/<int:segment_id>", segments.SegmentDetail.as_view()),
    path("segments/<int:segment_id>/members", segments.SegmentMembers.as_view()),
    path("segments/<int:segment_id>/members/<path:external_id>", segments.SegmentMember.as_view()),
    path("segments/<int:segment_id>/explain/<path:external_id>", segments.Explain.as_view()),
    path("members/<path:external_id>/segments", segments.MemberSegments.as_view()),
    path("audience-syncs", audiences.AudienceSyncList.as_view()),
    path("audience-syncs/<int:sync_id>", audiences.AudienceSyncDetail.as_view()),
    path("audience-syncs/<int:sync_id>/run", audiences.AudienceSyncRun.as_view()),
    path("audience-syncs/<int:sync_id>/batches", audiences.AudienceSyncBatches.as_view()),
    path("rule-schema", segments.RuleSchema.as_view()),
]

__all__ = ["health", "urlpatterns"]  # health registers itself
