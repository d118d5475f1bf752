from django.urls import path

from loyalty.api import loyalty

urlpatterns = [
    path("rewards", loyalty.RewardList.as_view()),
    path("loyalty/<path:external_id>/transfers", loyalty.MemberTransfers.as_view()),
    path("loyalty/<path:external_id>/redemptions", loyalty.MemberRedemptions.as_view()),
    path("loyalty/<path:external_id>", loyalty.MemberLoyalty.as_view()),
]
