from django.urls import path

from members.api import collect, consents, events, health, imports, members, merging

urlpatterns = [
    path("imports", imports.ImportList.as_view()),
    path("imports/<int:import_id>", imports.ImportDetail.as_view()),
    path("imports/<int:import_id>/problems", imports.ImportProblems.as_view()),
    path("imports/<int:import_id>/undo", imports.ImportUndo.as_view()),
    path("events", events.EventList.as_view()),
    path("events/<path:event_id>", events.EventDetail.as_view()),
    path("collect", collect.Collect.as_view()),
    path("identify", events.Identify.as_view()),
    path("members", members.MemberList.as_view()),
    path("members/<path:external_id>/export", members.MemberExport.as_view()),
    path("members/<path:external_id>/merge", merging.Merge.as_view()),
    path("members/<path:external_id>/unmerge", merging.Unmerge.as_view()),
    path("members/<path:external_id>/merges", merging.MergeList.as_view()),
    path("members/<path:external_id>/timeline", members.Timeline.as_view()),
    path("members/<path:external_id>/tags/<str:tag>", members.MemberTags.as_view()),
    path("members/<path:external_id>/consents", consents.MemberConsents.as_view()),
    path("members/<path:external_id>/consents/history", consents.ConsentHistory.as_view()),
    path("suppressions", consents.SuppressionList.as_view()),
    path("suppressions/<int:suppression_id>", consents.SuppressionDetail.as_view()),
]

__all__ = ["health", "urlpatterns"]  # health registers itself
