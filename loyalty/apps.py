from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LoyaltyConfig(AppConfig):
    name = "loyalty"
    verbose_name = _("Loyalty")

    def ready(self) -> None:
        from loyalty import consumers, tasks  # noqa: F401, PLC0415 - they register themselves
        from loyalty.queries import POINTS_VARIABLE  # noqa: PLC0415
        from urm.channels.variables import register_variable  # noqa: PLC0415

        register_variable(POINTS_VARIABLE)
