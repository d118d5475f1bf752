from django.urls import path

from segments.api import audiences, growth, health, propositions, scores, segments, stages

urlpatterns = [
    path("segments", segments.SegmentList.as_view()),
    path("segments/preview", segments.Preview.as_view()),
    path("segments/overlap", growth.SegmentOverlap.as_view()),
    path("segments/<int:segment_id>", segments.SegmentDetail.as_view()),
    path("segments/<int:segment_id>/members", segments.SegmentMembers.as_view()),
    path("segments/<int:segment_id>/members/<path:external_id>", segments.SegmentMember.as_view()),
    path("segments/<int:segment_id>/explain/<path:external_id>", segments.Explain.as_view()),
    path("segments/<int:segment_id>/history", growth.SegmentHistory.as_view()),
    path("segments/<int:segment_id>/history/<path:external_id>", growth.MemberHistory.as_view()),
    path("segments/<int:segment_id>/trend", growth.SegmentTrend.as_view()),
    path("segments/<int:segment_id>/snapshots", growth.SegmentSnapshots.as_view()),
    path("segments/<int:segment_id>/propositions", propositions.SegmentPropositions.as_view()),
    path("segments/<int:segment_id>/propositions/versions", propositions.PropositionVersions.as_view()),
    path("members/<path:external_id>/segments", segments.MemberSegments.as_view()),
    path("members/<path:external_id>/scores", scores.MemberScores.as_view()),
    path("scores", scores.ScoreList.as_view()),
    path("stages", stages.StageList.as_view()),
    path("stages/flow", stages.StageFlow.as_view()),
    path("stages/stays", stages.StageStays.as_view()),
    path("stages/targets", stages.StageTargets.as_view()),
    path("stages/targets/<int:target_id>", stages.StageTargetDetail.as_view()),
    path("audience-syncs", audiences.AudienceSyncList.as_view()),
    path("audience-syncs/<int:sync_id>", audiences.AudienceSyncDetail.as_view()),
    path("audience-syncs/<int:sync_id>/run", audiences.AudienceSyncRun.as_view()),
    path("audience-syncs/<int:sync_id>/batches", audiences.AudienceSyncBatches.as_view()),
    path("rule-schema", segments.RuleSchema.as_view()),
]

__all__ = ["health", "urlpatterns"]  # health registers itself
