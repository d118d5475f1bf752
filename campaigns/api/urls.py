from django.urls import path

from campaigns.api import campaigns

urlpatterns = [
    path("campaigns", campaigns.CampaignList.as_view()),
    path("campaigns/<int:campaign_id>", campaigns.CampaignDetail.as_view()),
    path("campaigns/<int:campaign_id>/launch", campaigns.CampaignLaunch.as_view()),
    path("campaigns/<int:campaign_id>/pause", campaigns.CampaignPause.as_view()),
    path("campaigns/<int:campaign_id>/resume", campaigns.CampaignResume.as_view()),
    path("campaigns/<int:campaign_id>/cancel", campaigns.CampaignCancel.as_view()),
    path("campaigns/<int:campaign_id>/report", campaigns.CampaignReport.as_view()),
]
