from django.apps import AppConfig


class RulesConfig(AppConfig):
    name = "urm.rules"
    label = "rules"
