from django.contrib import admin
from django.urls import path

from urm.ui import views

urlpatterns = [
    path("", views.choose_workspace, name="choose_workspace"),
    path("login/", views.LogIn.as_view(), name="login"),
    path("logout/", views.log_out, name="logout"),
    path("password/", views.AskForPassword.as_view(), name="ask_for_password"),
    path("password/<uidb64>/<token>/", views.SetPassword.as_view(), name="set_password"),
    path("language/", views.choose_language, name="set_language"),
    path("admin/", admin.site.urls),
]
