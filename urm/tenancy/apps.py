from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenancyConfig(AppConfig):
    name = "urm.tenancy"
    label = "tenancy"
    verbose_name = _("Workspace")

    def ready(self) -> None:
        from urm.tenancy import checks  # noqa: F401, PLC0415 - registers the system checks
