"""Addresses that end in an external id, which may hold slashes: they take what no other address of the API takes."""

from django.urls import path

from members.api import members

urlpatterns = [
    path("members/<path:external_id>", members.MemberDetail.as_view()),
]
