from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = _("Talk")

    def ready(self) -> None:
        from campaigns import consumers, tasks  # noqa: F401, PLC0415 - registers the work on schedules and deliveries
        from campaigns.queries.recipients import VARIABLES  # noqa: PLC0415
        from urm.channels.variables import register_variable  # noqa: PLC0415

        for variable in VARIABLES:
            register_variable(variable)
