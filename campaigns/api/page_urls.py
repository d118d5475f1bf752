from django.urls import path

from campaigns.api import pages

urlpatterns = [
    path("m/o/<str:token>.gif", pages.picture, name="message_picture"),
    path("m/c/<str:token>/<int:number>", pages.click, name="message_click"),
    path("m/u/<str:token>", pages.unsubscribe, name="message_unsubscribe"),
]
