from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class PrivacyConfig(AppConfig):
    name = "urm.privacy"
    label = "privacy"

    def ready(self) -> None:
        from urm.privacy import platform  # noqa: F401, PLC0415 - declares the platform's tables

        autodiscover_modules("privacy")
