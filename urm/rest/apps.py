from django.apps import AppConfig


class RestConfig(AppConfig):
    name = "urm.rest"
    label = "rest"
