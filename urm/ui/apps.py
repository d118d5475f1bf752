from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "urm.ui"
    label = "ui"
